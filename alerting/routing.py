"""
Who is told what about which event: one small table.

Each route writes outbox rows keyed by event and reader, so that an event dispatched twice says
nothing twice. Cards are only named here; what they show is decided at delivery.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.translation import get_language, gettext, gettext_noop

from alerting import (
    alert_routes,
    destination_routes,
    dispute_routes,
    letters,
    money_routes,
    operations,
    preferences,
    undone_routes,
    wallet_routes,
)
from alerting.inbox import Outgoing
from alerting.models import OutboundMessage
from alerting.readers import Method, Reader, Route, Routing, but_the_actor, dealers, in_telegram, readers, watchers
from rfq import bot_papers, cards
from rfq.models import Fill, Quote, Rfq
from settlement import payments
from settlement.models import Settlement
from trading.lib.chat import message
from trading.lib.prepared import Given, Read
from users import audit
from users.models import Counterparty, Role, TelegramLink, User
from users.queries.scopes import not_serving

Waits = Settlement.Status
WAITING_AT_BIRTH = (Waits.FLAGGED_OFF, Waits.AWAITING_FUNDS, Waits.AWAITING_APPROVAL)


SIGN_IN_ALARMS = {
    "sign_in.locked_out": gettext_noop("Too many wrong passwords or codes: locked out for a while."),
    "token.reused": gettext_noop("A refresh token came twice: somebody has a copy. All its tokens have ended."),
    "passkey.counter_went_back": gettext_noop("The counter of a passkey went back: it seems to be copied."),
}
ALARMED = (Role.OPS, Role.ADMIN)
DOORS = {"telegram.unreachable": "telegram/unreachable.html", "mail.refused": "telegram/mail_refused.html"}
CHANGES_MENU = {
    *("telegram.linked", "telegram.ended", "telegram.reachable", "user.language_set", "user.preferences_set"),
    *("user.suspended", "user.reactivated", "role.granted", "role.revoked"),
}


def dispatch(event_id: int, *, now: datetime) -> None:
    """Write the messages an event causes. Events nobody needs to hear of cause none."""
    event = audit.event_of(event_id)
    route, routing = ROUTES.get(event.name), Routing(event, now)
    messages = preferences.heed(list(route(routing)), event.name, now=now) if route else []
    if event.name in CHANGES_MENU:
        messages += _menus(routing)
    if messages:
        operations.queue_messages(messages=messages, now=now)


def apology(chat_id: int) -> list[Outgoing]:
    """What a person reads whose update failed for good, in their language."""
    link = TelegramLink.objects.select_related("user").filter(telegram_id=chat_id, ended_at=None).first()
    with translation.override(link.user.language if link else get_language()):
        return [Outgoing(method=Method.SEND, payload={"text": message("telegram/apology.html", {})})]


# --- routes ---------------------------------------------------------------------------------


def _rfq_created(routing: Routing) -> Iterator[OutboundMessage]:
    """The dealers' cards; the client's too, unless the request came by Telegram: then the answer to it holds one."""
    rfq = RFQ.one(ref=routing.event.subject_ref)
    told = [] if routing.event.request_id.startswith("tg:") else in_telegram([rfq.requested_by])
    for reader in [*told, *dealers(rfq)]:
        yield routing.card(reader, rfq.ref)


def _rfq_changed(routing: Routing) -> Iterator[OutboundMessage]:
    for reader in watchers(routing.event.subject_ref):
        yield routing.card(reader, routing.event.subject_ref)


def _quote_changed(routing: Routing) -> Iterator[OutboundMessage]:
    """The client's card, and that of the LP whose quote it is; other LPs learn nothing."""
    quote = QUOTE.one(ref=routing.event.subject_ref)
    for reader in watchers(quote.rfq.ref):
        if reader.user.counterparty_id in {quote.rfq.counterparty_id, quote.lp_id}:
            yield routing.card(reader, quote.rfq.ref)


def _fill_booked(routing: Routing) -> Iterator[OutboundMessage]:
    fill = FILL.one(ref=routing.event.subject_ref)
    for reader in watchers(fill.rfq.ref):
        yield routing.card(reader, fill.rfq.ref)
    for reader in readers([fill.quote.quoted_by]):
        yield routing.text(reader, lambda voice: cards.lp_traded(fill, voice))
    if routing.event.after.get("settlement_status") in WAITING_AT_BIRTH:
        yield from _waits(routing, fill)


def _settlement_waits(routing: Routing) -> Iterator[OutboundMessage]:
    yield from _waits(routing, FILL_OF_SETTLEMENT.one(ref=routing.event.subject_ref))


def _waits(routing: Routing, fill: Fill) -> Iterator[OutboundMessage]:
    for reader in readers([fill.accepted_by]):
        yield routing.text(reader, lambda _voice: cards.settlement_notice(fill.settlement, fill))


def _settled(routing: Routing) -> Iterator[OutboundMessage]:
    fill = FILL_OF_SETTLEMENT.one(ref=routing.event.subject_ref)
    settlement, paid = fill.settlement, payments.of(fill.settlement)
    for reader in readers([fill.accepted_by]):
        yield _with_receipt(routing.text(reader, lambda voice: cards.receipt(settlement, fill, paid, voice)), fill)
    for reader in readers([fill.quote.quoted_by]):
        yield _with_receipt(routing.text(reader, lambda voice: cards.lp_settled(settlement, fill, voice)), fill)


def _with_receipt(told: OutboundMessage, fill: Fill) -> OutboundMessage:
    """Put the button under it that asks for the signed receipt."""
    assert told.user is not None  # noqa: S101 - written to a reader
    with translation.override(told.user.language):
        button = bot_papers.receipt_button(told.user, fill.ref)
    told.payload["buttons"] = [[[button.text, button.token]]]
    return told


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


def _client_frozen(routing: Routing) -> Iterator[OutboundMessage]:
    """The client's traders, and those of operations who serve it; not whoever did it."""
    client = Counterparty.objects.get(ref=routing.event.subject_ref)
    told = User.objects.filter(
        Q(counterparty=client, role_grants__role=Role.TRADER) | Q(role_grants__role=Role.OPS),
        role_grants__revoked_at=None,
    )
    found = list(but_the_actor(routing, readers(told.distinct())))
    outside = not_serving([reader.user for reader in found], client.pk)
    is_own = User.objects.filter(pk=routing.event.actor_id or 0, counterparty=client).exists()
    context = {"client": client.name, "reason": routing.event.reason, "is_own": is_own}
    for reader in found:
        template = "telegram/frozen.html" if reader.user.counterparty_id else "telegram/client_frozen.html"
        if reader.user.pk not in outside:
            yield routing.text(reader, lambda _voice, template=template: message(template, context))  # type: ignore[misc]


def _rfq_passed(routing: Routing) -> Iterator[OutboundMessage]:
    """The cards of that LP's dealers; nobody else learns of it."""
    for reader in watchers(routing.event.subject_ref):
        party = reader.user.counterparty
        if party is not None and party.ref == routing.event.after["lp"]:
            yield routing.card(reader, routing.event.subject_ref)


def _menus(routing: Routing) -> Iterator[OutboundMessage]:
    """The chat that speaks for the user, and the one that did."""
    user = User.objects.get(ref=routing.event.subject_ref)
    now_linked = user.telegram_links.filter(ended_at=None).values_list("telegram_id", flat=True)
    for chat_id in {*now_linked, routing.event.before.get("telegram_id")} - {None}:
        yield routing.menu(user, chat_id)


def _door_closed(routing: Routing) -> Iterator[OutboundMessage]:
    """Those of operations who serve the person: what the desk writes to them, there or by mail, does not arrive."""
    user = User.objects.select_related("person").get(ref=routing.event.subject_ref)
    found = list(readers(User.objects.filter(role_grants__role=Role.OPS, role_grants__revoked_at=None)))
    outside = not_serving([reader.user for reader in found], user.counterparty_id)
    context = {"name": user.person.full_name if user.person else user.username, "username": user.username}
    for reader in found:
        if reader.user.pk not in {*outside, user.pk}:
            yield routing.alarm(reader, lambda _voice: message(DOORS[routing.event.name], context))


def _address_changed(routing: Routing) -> Iterator[OutboundMessage]:
    """The person, in Telegram and at the address that was left: whoever got into the console may have done it."""
    user = User.objects.get(ref=routing.event.subject_ref)
    left = routing.event.before.get("address") if letters.is_on() else ""
    for reader in [*in_telegram([user]), *([Reader(user, address=left)] if left else [])]:
        yield routing.text(
            reader, lambda _voice: message("telegram/mail_changed.html", {"address": routing.event.after["address"]})
        )


def _account_cut_off(routing: Routing) -> Iterator[OutboundMessage]:
    """The chat that spoke for a user until now; it hears of it, whoever holds it."""
    cut_off = routing.event.before.get("telegram_id")
    if cut_off:
        user = User.objects.select_related("person").get(ref=routing.event.subject_ref)
        name = user.person.full_name if user.person else user.username
        yield routing.text(Reader(user, cut_off), lambda _voice: message("telegram/cut_off.html", {"name": name}))


def _fills() -> QuerySet[Fill]:
    related = ("rfq__pair__quote_asset", "rfq__destination", "quote__quoted_by", "accepted_by")
    return Fill.objects.select_related(*related, "settlement__destination")


RFQ = Read(lambda: Rfq.objects.select_related("requested_by").filter(ref=Given("ref")))
QUOTE = Read(lambda: Quote.objects.select_related("rfq").filter(ref=Given("ref")))
FILL = Read(lambda: _fills().filter(ref=Given("ref")))
FILL_OF_SETTLEMENT = Read(lambda: _fills().filter(settlement__ref=Given("ref")))

ROUTES: dict[str, Route] = {
    **dict.fromkeys(SIGN_IN_ALARMS, _sign_in_alarm),
    **money_routes.ROUTES,
    **undone_routes.ROUTES,
    **wallet_routes.ROUTES,
    **alert_routes.ROUTES,
    "telegram.ended": _account_cut_off,
    "telegram.linked": _account_cut_off,
    **dict.fromkeys(DOORS, _door_closed),
    "mail.changed": _address_changed,
    "lp.paused": _lp_paused,
    "client.frozen": _client_frozen,
    "rfq.passed": _rfq_passed,
    **dispute_routes.ROUTES,
    **destination_routes.ROUTES,
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
    "settlement.settled_manually": _settled,
    "settlement.final_again": _settled,
    "settlement.paid_again": _settled,
    "settlement.flagged_off": _settlement_waits,
    "settlement.blocked": _settlement_waits,
    "settlement.needs_review": _settlement_waits,
}
