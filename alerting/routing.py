"""
Who is told what about which event: one small table.

Each route writes outbox rows keyed by event and reader, so that an event dispatched twice says
nothing twice. Cards are only named here; what they show is decided at delivery.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.translation import get_language, gettext, gettext_noop

from alerting import operations
from alerting.inbox import Outgoing
from alerting.models import LiveCard, OutboundMessage
from rfq import cards, dispute_notices
from rfq.models import Dispute, DisputeNote, Fill, Invitation, Quote, Rfq
from rfq.queries import disputes
from settlement.models import Settlement, TransferAttempt
from trading.lib.chat import message
from users.models import AuditEvent, Counterparty, Role, TelegramLink, User
from users.models.roles import STAFF_ROLES
from users.queries.scopes import not_serving

Method, Waits = OutboundMessage.Method, Settlement.Status
WAITING_AT_BIRTH = (Waits.FLAGGED_OFF, Waits.AWAITING_FUNDS, Waits.AWAITING_APPROVAL)


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who can be written to, and where."""

    user: User
    chat_id: int


@dataclass(frozen=True, slots=True)
class Routing:
    """One event on its way to its readers."""

    event: AuditEvent
    now: datetime

    def card(self, reader: Reader, subject: str) -> OutboundMessage:
        """Refresh one reader's card."""
        return self._message(reader, Method.CARD, {"subject": subject})

    def text(self, reader: Reader, write: Callable[[cards.Voice], str]) -> OutboundMessage:
        """Write to one reader in their language."""
        with translation.override(reader.user.language):
            return self._message(reader, Method.SEND, {"text": write(cards.Voice(reader.user, self.now))})

    def alarm(self, reader: Reader, write: Callable[[cards.Voice], str]) -> OutboundMessage:
        """Write to one reader, once for the same event about the same subject in a quarter of an hour."""
        written = self.text(reader, write)
        quarter = int(self.event.at.timestamp()) // QUARTER_SECONDS
        written.key = f"alarm:{self.event.name}:{self.event.subject_ref}:{quarter}:{reader.chat_id}"
        return written

    def _message(self, reader: Reader, method: OutboundMessage.Method, payload: dict[str, object]) -> OutboundMessage:
        key = f"event:{self.event.pk}:{reader.chat_id}:{method}"
        return OutboundMessage(key=key, chat_id=reader.chat_id, user=reader.user, method=method, payload=payload)


QUARTER_SECONDS = 15 * 60
SIGN_IN_ALARMS = {
    "sign_in.locked_out": gettext_noop("Too many wrong passwords or codes: locked out for a while."),
    "device.recovery_code_used": gettext_noop("Signed in with a recovery code."),
    "token.reused": gettext_noop("A refresh token came twice: somebody has a copy. All its tokens have ended."),
    "passkey.counter_went_back": gettext_noop("The counter of a passkey went back: it seems to be copied."),
}
ALARMED = (Role.OPS, Role.ADMIN)

type Route = Callable[[Routing], Iterable[OutboundMessage]]


def dispatch(event_id: int, *, now: datetime) -> None:
    """Write the messages an event causes. Events nobody needs to hear of cause none."""
    event = AuditEvent.objects.get(pk=event_id)
    route = ROUTES.get(event.name)
    if route is None:
        return
    messages = list(route(Routing(event, now)))
    if messages:
        operations.queue_messages(messages=messages, now=now)


def apology(chat_id: int) -> list[Outgoing]:
    """What a person reads whose update failed for good, in their language."""
    link = TelegramLink.objects.select_related("user").filter(telegram_id=chat_id, ended_at=None).first()
    with translation.override(link.user.language if link else get_language()):
        return [Outgoing(method=Method.SEND, payload={"text": message("telegram/apology.html", {})})]


# --- readers --------------------------------------------------------------------------------


def readers(users: Iterable[User]) -> Iterator[Reader]:
    """Find those of the users who have a linked Telegram account. One query."""
    links = TelegramLink.objects.select_related("user__counterparty")
    for link in links.filter(user__in=users, ended_at=None, user__status=User.Status.ACTIVE).order_by("pk"):
        yield Reader(link.user, link.telegram_id)


def dealers(rfq: Rfq) -> Iterator[Reader]:
    """Find all dealers of the LPs that are asked. One query."""
    return readers(
        User.objects.filter(
            counterparty__in=Invitation.objects.filter(rfq=rfq).values("lp"),
            counterparty__status=Counterparty.Status.ACTIVE,
            counterparty__lp_terms__paused_at__isnull=True,
            role_grants__role=Role.LP,
            role_grants__revoked_at=None,
        )
    )


def watchers(subject: str) -> Iterator[Reader]:
    """Find those who have an open card of this subject. One query."""
    cards_ = LiveCard.objects.select_related("user__counterparty").filter(subject=subject, closed_at=None)
    for card in cards_.order_by("pk"):
        yield Reader(card.user, card.chat_id)


# --- routes ---------------------------------------------------------------------------------


def _rfq_created(routing: Routing) -> Iterator[OutboundMessage]:
    """The dealers' cards; the client's too, unless the request came by Telegram: then the answer to it holds one."""
    rfq = Rfq.objects.select_related("requested_by").get(ref=routing.event.subject_ref)
    told = [] if routing.event.request_id.startswith("tg:") else readers([rfq.requested_by])
    for reader in [*told, *dealers(rfq)]:
        yield routing.card(reader, rfq.ref)


def _rfq_changed(routing: Routing) -> Iterator[OutboundMessage]:
    for reader in watchers(routing.event.subject_ref):
        yield routing.card(reader, routing.event.subject_ref)


def _quote_changed(routing: Routing) -> Iterator[OutboundMessage]:
    """The client's card, and that of the LP whose quote it is; other LPs learn nothing."""
    quote = Quote.objects.select_related("rfq").get(ref=routing.event.subject_ref)
    for reader in watchers(quote.rfq.ref):
        if reader.user.counterparty_id in {quote.rfq.counterparty_id, quote.lp_id}:
            yield routing.card(reader, quote.rfq.ref)


def _fill_booked(routing: Routing) -> Iterator[OutboundMessage]:
    fill = _fills().get(ref=routing.event.subject_ref)
    for reader in watchers(fill.rfq.ref):
        yield routing.card(reader, fill.rfq.ref)
    for reader in readers([fill.quote.quoted_by]):
        yield routing.text(reader, lambda voice: cards.lp_traded(fill, voice))
    if routing.event.after.get("settlement_status") in WAITING_AT_BIRTH:
        yield from _waits(routing, fill)


def _settlement_waits(routing: Routing) -> Iterator[OutboundMessage]:
    yield from _waits(routing, _fills().get(settlement__ref=routing.event.subject_ref))


def _waits(routing: Routing, fill: Fill) -> Iterator[OutboundMessage]:
    for reader in readers([fill.accepted_by]):
        yield routing.text(reader, lambda _voice: cards.settlement_notice(fill.settlement, fill))


def _settled(routing: Routing) -> Iterator[OutboundMessage]:
    fill = _fills().get(settlement__ref=routing.event.subject_ref)
    settlement, transfer = fill.settlement, _transfer_of(fill.settlement)
    for reader in readers([fill.accepted_by]):
        yield routing.text(reader, lambda voice: cards.receipt(settlement, fill, transfer, voice))
    for reader in readers([fill.quote.quoted_by]):
        yield routing.text(reader, lambda voice: cards.lp_settled(settlement, fill, voice))


def _evidence_broken(routing: Routing) -> Iterator[OutboundMessage]:
    """Everybody of the desk who can be written to: whoever reads it first acts."""
    context = {"count": routing.event.after["number_of_findings"], "first": routing.event.after["findings"][0]}
    for reader in readers(User.objects.filter(role_grants__role__in=STAFF_ROLES, role_grants__revoked_at=None)):
        yield routing.text(reader, lambda _voice: message("telegram/evidence_broken.html", context))


def _sign_in_alarm(routing: Routing) -> Iterator[OutboundMessage]:
    """Operations and administrators who serve the login's counterparty. Names nobody has alarm nobody."""
    user = User.objects.select_related("person").filter(ref=routing.event.subject_ref).first()
    if user is None:
        return
    found = list(readers(User.objects.filter(role_grants__role__in=ALARMED, role_grants__revoked_at=None)))
    outside = not_serving([reader.user for reader in found], user.counterparty_id)

    def write(voice: cards.Voice) -> str:
        context = {
            "what": gettext(SIGN_IN_ALARMS[routing.event.name]),
            "name": user.username,
            "at": voice.clock(routing.event.at),
            "address": routing.event.address or "",
        }
        return message("telegram/sign_in_alarm.html", context)

    for reader in found:
        if reader.user.pk not in outside:
            yield routing.alarm(reader, write)


def _lp_paused(routing: Routing) -> Iterator[OutboundMessage]:
    """The LP's dealers and those of operations who serve it, when no person did it: nobody else would know."""
    if routing.event.actor_id is not None:
        return
    lp = Counterparty.objects.get(ref=routing.event.subject_ref)
    told = User.objects.filter(
        Q(counterparty=lp, role_grants__role=Role.LP) | Q(role_grants__role=Role.OPS), role_grants__revoked_at=None
    )
    found = list(readers(told.distinct()))
    outside = not_serving([reader.user for reader in found], lp.pk)

    def write(voice: cards.Voice) -> str:
        context = {"lp": lp.name, "reason": routing.event.reason, "is_desk": voice.user.counterparty_id is None}
        return message("telegram/lp_paused.html", context)

    for reader in found:
        if reader.user.pk not in outside:
            yield routing.text(reader, write)


def _account_cut_off(routing: Routing) -> Iterator[OutboundMessage]:
    """The chat that spoke for a user until now; it hears of it, whoever holds it."""
    cut_off = routing.event.before.get("telegram_id")
    if cut_off:
        user = User.objects.select_related("person").get(ref=routing.event.subject_ref)
        name = user.person.full_name if user.person else user.username
        yield routing.text(Reader(user, cut_off), lambda _voice: message("telegram/cut_off.html", {"name": name}))


def _dispute_opened(routing: Routing) -> Iterator[OutboundMessage]:
    """Whoever can take it; the party, too, when the desk opened it in the party's name."""
    dispute = _dispute(routing)
    for reader in _but_the_actor(routing, readers(disputes.handlers(dispute.fill))):
        yield routing.text(reader, lambda voice: dispute_notices.for_desk(dispute, voice))
    if dispute.opened_by.counterparty_id is None:
        for reader in _party(dispute):
            yield routing.text(reader, lambda voice: dispute_notices.opened_for(dispute, voice))


def _dispute_assigned(routing: Routing) -> Iterator[OutboundMessage]:
    dispute = _dispute(routing)
    for reader in _party(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.taken(dispute, voice))


def _dispute_noted(routing: Routing) -> Iterator[OutboundMessage]:
    """Nobody, of an internal note; else the party, and who handles it of what the party wrote."""
    note = DisputeNote.objects.select_related("author").get(pk=routing.event.after["note"])
    if note.is_internal:
        return
    dispute = _dispute(routing)
    for reader in _but_the_actor(routing, _party(dispute)):
        yield routing.text(reader, lambda voice: dispute_notices.noted(note, dispute, voice))
    if note.author.counterparty_id is not None:
        for reader in _handler(dispute):
            yield routing.text(reader, lambda voice: dispute_notices.for_desk(dispute, voice, note=note))


def _dispute_resolved(routing: Routing) -> Iterator[OutboundMessage]:
    dispute = _dispute(routing)
    for reader in _party(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.resolved(dispute, voice))


def _dispute_withdrawn(routing: Routing) -> Iterator[OutboundMessage]:
    dispute = _dispute(routing)
    for reader in _handler(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.for_desk(dispute, voice))


def _dispute(routing: Routing) -> Dispute:
    return disputes.whole().get(ref=routing.event.subject_ref)


def _party(dispute: Dispute) -> Iterator[Reader]:
    return readers(User.objects.filter(counterparty=dispute.party))


def _handler(dispute: Dispute) -> Iterator[Reader]:
    return readers([dispute.assigned_to] if dispute.assigned_to else [])


def _but_the_actor(routing: Routing, told: Iterable[Reader]) -> Iterator[Reader]:
    return (reader for reader in told if reader.user.pk != routing.event.actor_id)


def _fills() -> QuerySet[Fill]:
    related = ("rfq__pair__quote_asset", "rfq__destination", "quote__quoted_by", "accepted_by")
    return Fill.objects.select_related(*related, "settlement__destination")


def _transfer_of(settlement: Settlement) -> tuple[str, str]:
    """Chain and id of the transaction that paid; nothing when none did."""
    attempts = TransferAttempt.objects.filter(transfer__settlement=settlement, status=TransferAttempt.Status.MINED)
    found = attempts.order_by("-pk").values_list("transfer__wallet__chain", "tx_hash").first()
    return found or ("", "")


ROUTES: dict[str, Route] = {
    **dict.fromkeys(SIGN_IN_ALARMS, _sign_in_alarm),
    "audit.broken": _evidence_broken,
    "telegram.ended": _account_cut_off,
    "telegram.linked": _account_cut_off,
    "lp.paused": _lp_paused,
    "dispute.opened": _dispute_opened,
    "dispute.assigned": _dispute_assigned,
    "dispute.noted": _dispute_noted,
    "dispute.resolved": _dispute_resolved,
    "dispute.withdrawn": _dispute_withdrawn,
    "rfq.created": _rfq_created,
    "rfq.cancelled": _rfq_changed,
    "rfq.expired": _rfq_changed,
    "quote.submitted": _quote_changed,
    "quote.entered": _quote_changed,
    "quote.confirmed": _quote_changed,
    "quote.pulled": _quote_changed,
    "quote.expired": _quote_changed,
    "fill.booked": _fill_booked,
    "settlement.settled": _settled,
    "settlement.flagged_off": _settlement_waits,
    "settlement.blocked": _settlement_waits,
    "settlement.needs_review": _settlement_waits,
}
