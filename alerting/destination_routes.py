"""
Who is told what about where money may go: those it belongs to, always; and operations, when a party asks.

Whoever has taken a login over asks for an address of their own. So all people of the party hear of every step,
whatever they like to be told, and with sound. Reasons are the desk's own and are not told.
"""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_noop

from alerting.models import OutboundMessage
from alerting.readers import Route, Routing, but_the_actor, readers
from rfq import cards
from settlement import banks
from settlement.models import BankAccount, PayoutAddress
from trading.lib.chat import message
from users.models import Role, User
from users.queries.scopes import not_serving

ACTS = {"address.add", "bank_account.add"}
WORDS = {
    "asked": gettext_noop(
        "Asked for by {name}. Two people of the desk decide. If you know nothing of it, tell them now."
    ),
    "added": gettext_noop("Approved by two people of the desk."),
    "declined": gettext_noop("The desk has not approved it: nothing goes there. Your contact at the desk knows more."),
    "ended": gettext_noop("Ended by {name}: nothing goes there any more."),
}


def asked(routing: Routing) -> Iterator[OutboundMessage]:
    """The party's other people; and of operations those who serve it, when it asked itself."""
    row = _destination(routing.event.subject_ref)
    yield from _told(routing, row, "asked")
    actor, party = routing.event.actor, row.counterparty
    if actor is None or actor.counterparty_id is None or party is None:
        return
    found = list(readers(User.objects.filter(role_grants__role=Role.OPS, role_grants__revoked_at=None)))
    outside = not_serving([reader.user for reader in found], party.pk)
    context = _facts(row) | {"party": party.name}
    for reader in found:
        if reader.user.pk not in outside:
            yield routing.text(reader, lambda _voice: message("telegram/destination_asked.html", context))


def changed(routing: Routing) -> Iterator[OutboundMessage]:
    """The party's people, but for who did it."""
    yield from _told(routing, _destination(routing.event.subject_ref), routing.event.name.rpartition(".")[2])


def declined(routing: Routing) -> Iterator[OutboundMessage]:
    """The party's people: two looked at what it asked for, and one said no."""
    if routing.event.after["act"] in ACTS:
        yield from _told(routing, _destination(routing.event.after["subject"]), "declined")


def _told(routing: Routing, row: BankAccount | PayoutAddress, what: str) -> Iterator[OutboundMessage]:
    if row.counterparty is None:
        return
    people = User.objects.filter(
        counterparty=row.counterparty, role_grants__role__in=(Role.TRADER, Role.LP), role_grants__revoked_at=None
    )
    actor = routing.event.actor

    def write(voice: cards.Voice) -> str:
        is_own = actor is not None and actor.counterparty_id is not None
        name = actor.username if actor is not None and is_own else gettext("the desk")
        usable_from = getattr(row, "usable_from", None) if what == "added" else None
        context = _facts(row) | {
            "words": gettext(WORDS[what]).format(name=name),
            "usable_from": voice.clock(usable_from) if usable_from and usable_from > voice.now else "",
        }
        return message("telegram/destination_told.html", context)

    for reader in but_the_actor(routing, readers(people)):
        yield routing.text(reader, write)


def _destination(ref: str) -> BankAccount | PayoutAddress:
    accounts, addresses = BankAccount.objects.all(), PayoutAddress.objects.all()
    row = accounts.select_related("counterparty").filter(ref=ref).first()
    return row or addresses.select_related("counterparty").get(ref=ref)


def _facts(row: BankAccount | PayoutAddress) -> dict[str, object]:
    if isinstance(row, PayoutAddress):
        return {"ref": row.ref, "label": row.label, "where": row.address, "of": row.chain}
    number = banks.number_of(row)
    return {"ref": row.ref, "label": row.label, "where": number, "of": row.currency_id}


ROUTES: dict[str, Route] = {
    "address.asked": asked,
    "address.added": changed,
    "address.ended": changed,
    "bank_account.asked": asked,
    "bank_account.added": changed,
    "bank_account.ended": changed,
    "approval.declined": declined,
}
