"""What a reader may see of money: a party its own, the desk what it serves. Querysets, to be filtered and paged."""

from django.db.models import Q, QuerySet

from settlement import confirming, queries
from settlement.models import BankAccount, Deposit, PayoutAddress, Withdrawal
from users.models import Counterparty, User
from users.queries.scopes import within, within_or_nobodys


def deposits(reader: User) -> QuerySet[Deposit]:
    """Deposits, with what is under way to a client; for the desk those of nobody yet, too. One query."""
    if reader.counterparty is not None:
        return of_client(reader.counterparty)
    rows = Deposit.objects.filter(within_or_nobodys(reader, "client"))
    return rows.select_related("client", "asset", "entered_by", "wallet__watch")


def of_client(client: Counterparty) -> QuerySet[Deposit]:
    """A client's deposits, and what its chains are still confirming of it. One query."""
    rows = Deposit.objects.filter(Q(client=client) | confirming.seen_for(client))
    return rows.select_related("client", "asset", "entered_by", "wallet__watch")


def withdrawals(reader: User) -> QuerySet[Withdrawal]:
    """Withdrawals with what was paid for them on chain. Three queries."""
    rows = Withdrawal.objects.filter(_of(reader, "client"))
    rows = rows.select_related("client", "asset", "account", "address", "requested_by")
    return rows.prefetch_related(queries.paid_on_chain())


def addresses(reader: User) -> QuerySet[PayoutAddress]:
    """Addresses, whatever their state. One query."""
    rows = PayoutAddress.objects.filter(_of(reader, "counterparty"))
    return rows.select_related("counterparty", "asked_by")


def accounts(reader: User) -> QuerySet[BankAccount]:
    """Bank accounts, whatever their state; for the desk its own, too. One query."""
    rows = BankAccount.objects.filter(_of(reader, "counterparty", or_nobodys=True))
    return rows.select_related("counterparty", "currency", "asked_by")


def counterparties(reader: User) -> QuerySet[Counterparty]:
    """Whose balances the reader may see. One query."""
    return Counterparty.objects.filter(_of(reader, "pk"))


def _of(reader: User, field: str, *, or_nobodys: bool = False) -> Q:
    if reader.counterparty_id is not None:
        return Q(**{field: reader.counterparty_id})
    return within_or_nobodys(reader, field) if or_nobodys else within(reader, field)
