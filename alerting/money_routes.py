"""Who is told what about money: clients' traders, and LPs' dealers of what is paid between them and the desk."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import get_language, gettext, gettext_noop

from alerting.models import OutboundMessage
from alerting.readers import Route, Routing, but_the_actor, readers
from rfq import cards
from settlement import banks
from settlement.models import Deposit, LpPayment, Withdrawal
from trading.lib import numbers
from trading.lib.chat import message
from users.models import AuditEvent, Counterparty, Role, User

OF_CLIENTS = {
    "deposit.received": gettext_noop("The desk's bank has it. Two people look at it before it is on your balance."),
    "deposit.cancelled": gettext_noop("The desk no longer waits for it."),
    "deposit.credited": gettext_noop("It is on your balance."),
    "deposit.returned": gettext_noop("It went back to its sender."),
    "deposit.taken_off": gettext_noop("Its chain undid it: it is off your balance again."),
    "withdrawal.requested": gettext_noop("Asked for by one of your people. If nobody did, tell the desk now."),
    "withdrawal.cancelled": gettext_noop("Cancelled by one of your people. The money is free again."),
    "withdrawal.approved": gettext_noop("Approved: it goes out next."),
    "withdrawal.paying": gettext_noop("It is on its way on chain."),
    "withdrawal.final_again": gettext_noop("Its chain undid it for a while; it has arrived."),
    "withdrawal.paid_again": gettext_noop("Its chain undid it, and the desk paid it again; it has arrived."),
    "withdrawal.needs_review": gettext_noop("It takes longer: people of the desk look after it."),
    "withdrawal.sent": gettext_noop("The bank has the order."),
    "withdrawal.confirmed": gettext_noop("It has arrived."),
    "withdrawal.returned": gettext_noop("It came back and is on your balance again."),
    "withdrawal.declined": gettext_noop("The desk does not send it. The money is free again."),
}
OF_LPS = {
    "lp_payment.requested": gettext_noop("Please pay this to the desk:"),
    "lp_payment.approved": gettext_noop("Approved: the desk pays it next."),
    "lp_payment.sent": gettext_noop("The bank has the desk's order."),
    "lp_payment.paying": gettext_noop("It is on its way on chain."),
    "lp_payment.final_again": gettext_noop("Its chain undid it for a while; it has arrived."),
    "lp_payment.paid_again": gettext_noop("Its chain undid it, and the desk paid it again; it has arrived."),
    "lp_payment.needs_review": gettext_noop("It takes longer: people of the desk look after it."),
    "lp_payment.confirmed": gettext_noop("It has arrived."),
    "lp_payment.received": gettext_noop("The desk has received this from you."),
    "lp_payment.returned": gettext_noop("It came back to the desk, which owes it to you again."),
    "lp_payment.declined": gettext_noop("The desk has taken this back."),
}
BY_OTHERS = frozenset({"deposit.cancelled", "withdrawal.requested", "withdrawal.cancelled"})
DECLINED = frozenset({"withdrawal.declined", "lp_payment.declined"})


def people_of(party: int | None, role: str) -> QuerySet[User]:
    """The logins of a counterparty that hold the role now."""
    return User.objects.filter(counterparty=party, role_grants__role=role, role_grants__revoked_at=None).distinct()


def client_money(routing: Routing) -> Iterator[OutboundMessage]:
    """
    The client's traders hear what became of its deposit or withdrawal; why, where the desk says no.

    What one of them did is news to the others only; what is credited at once is told as credited, not as received.
    """
    event = routing.event
    kind = Deposit if event.name.startswith("deposit.") else Withdrawal
    row = kind.objects.select_related("asset").get(ref=event.subject_ref)
    if row.client_id is None or (event.name == "deposit.received" and row.status != Deposit.Status.RECEIVED):
        return
    amount, words = row.amount or Decimal(0), OF_CLIENTS[event.name]
    found = readers(people_of(row.client_id, Role.TRADER))
    for reader in but_the_actor(routing, found) if event.name in BY_OTHERS else found:
        yield routing.text(reader, lambda voice: _told(event, row, amount, words, voice))


def lp_money(routing: Routing) -> Iterator[OutboundMessage]:
    """
    The LP's dealers hear of a payment, from the moment it concerns them.

    What the desk is to pay it hears of once two have approved it, what it is to pay itself at once.
    """
    event = routing.event
    row = LpPayment.objects.select_related("lp", "asset", "account", "wallet").get(ref=event.subject_ref)
    told = {LpPayment.Status.APPROVED, LpPayment.Status.NEEDS_REVIEW}
    was_told = not row.is_out or event.before.get("status") in told
    if row.is_out and event.name in {"lp_payment.requested", "lp_payment.declined"} and not was_told:
        return
    amount = row.received if event.name == "lp_payment.received" and row.received is not None else row.amount
    where = _where(row) if event.name == "lp_payment.requested" else ""
    for reader in readers(people_of(row.lp_id, Role.LP)):
        yield routing.text(reader, lambda voice: _told(event, row, amount, OF_LPS[event.name], voice, where=where))


def credit_changed(routing: Routing) -> Iterator[OutboundMessage]:
    """The client's traders: how far they may trade ahead of their money from now on."""
    client, after = Counterparty.objects.get(ref=routing.event.subject_ref), routing.event.after
    for reader in readers(people_of(client.pk, Role.TRADER)):
        yield routing.text(reader, lambda voice: _credit(after, voice))


def _credit(after: Mapping[str, str], voice: cards.Voice) -> str:
    amount = voice.amount(Decimal(after["credit"]), after["currency"])
    return message("telegram/credit_changed.html", {"amount": amount})


def client_unfrozen(routing: Routing) -> Iterator[OutboundMessage]:
    """The client's traders: they were told that it was frozen."""
    client = Counterparty.objects.get(ref=routing.event.subject_ref)
    for reader in readers(people_of(client.pk, Role.TRADER)):
        yield routing.text(reader, lambda _voice: message("telegram/unfrozen.html", {}))


def _where(row: LpPayment) -> str:
    """Where the LP is to pay it, in full."""
    if row.wallet is not None:
        return f"{row.wallet.chain}: {row.wallet.address}"
    account = row.account
    assert account is not None  # noqa: S101 - the database: one of the two
    number = banks.number_of(account)
    return f"{account.holder}, {number}, {account.bank} {account.bic}".strip()


def _told(
    event: AuditEvent,
    row: Deposit | Withdrawal | LpPayment,
    amount: Decimal,
    words: str,
    voice: cards.Voice,
    *,
    where: str = "",
) -> str:
    shown = numbers.format_decimal(amount, row.asset.scale, get_language() or "en")
    context = {
        "ref": voice.ref(row.ref),
        "amount": f"{shown} {row.asset_id}",
        "words": gettext(words),
        "where": where,
        "reason": event.reason if event.name in DECLINED else "",
    }
    return message("telegram/money_told.html", context)


def _operations(routing: Routing, template: str, context: Mapping[str, object]) -> Iterator[OutboundMessage]:
    """All of operations: it stops what all of them serve."""
    for reader in readers(User.objects.filter(role_grants__role=Role.OPS, role_grants__revoked_at=None)):
        yield routing.text(reader, lambda _voice: message(template, context))


def reconciled(routing: Routing) -> Iterator[OutboundMessage]:
    """What differs, that nothing does any more, or that nobody can look."""
    after = routing.event.after
    context = {
        **after,
        "wallets": ", ".join(after.get("wallets", [])),
        "is_blind": routing.event.name.endswith("blind"),
    }
    return _operations(routing, "telegram/reconciliation.html", context)


def restored(routing: Routing) -> Iterator[OutboundMessage]:
    """That everything is paused, and what to do."""
    wallets = ", ".join(routing.event.after["wallets"]) or "–"
    return _operations(routing, "telegram/database_restored.html", {"wallets": wallets})


ROUTES: dict[str, Route] = {
    "reconciliation.differed": reconciled,
    "reconciliation.agreed": reconciled,
    "reconciliation.blind": reconciled,
    "database.restored": restored,
    **dict.fromkeys(OF_CLIENTS, client_money),
    **dict.fromkeys(OF_LPS, lp_money),
    "credit.changed": credit_changed,
    "client.unfrozen": client_unfrozen,
}
