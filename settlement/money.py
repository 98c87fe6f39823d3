"""Reads about deposits, withdrawals and destinations. Each has a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet

from settlement import addresses
from settlement.models import Asset, BankAccount, Deposit, PayoutAddress, Wallet, Withdrawal
from trading.lib.errors import NotFound
from users.models import Counterparty, User
from users.queries.scopes import within, within_or_nobodys

PAGE_SIZE = 50
DEPOSIT_TABS: Mapping[str, Sequence[str]] = {
    "": ("announced", "received", "seen", "suspense", "undone"),
    "credited": ("credited",),
    "over": ("returned", "cancelled", "gone", "left_out", "taken_off"),
}
WITHDRAWAL_TABS: Mapping[str, Sequence[str]] = {
    "": ("requested", "approved", "sent", "paying", "needs_review"),
    "confirmed": ("confirmed",),
    "over": ("returned", "declined", "cancelled"),
}
ASKED, APPROVED, ENDED = "asked", "approved", "ended"
OF_ADDRESSES = {
    ASKED: Q(approved_at=None, revoked_at=None),
    APPROVED: Q(approved_at__isnull=False, revoked_at=None),
    ENDED: Q(revoked_at__isnull=False),
}
OF_ACCOUNTS = {
    ASKED: Q(approved_at=None, ended_at=None),
    APPROVED: Q(approved_at__isnull=False, ended_at=None),
    ENDED: Q(ended_at__isnull=False),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first, and the ref where the older ones begin."""

    rows: list[Any]
    older: str


def deposits(tab: str, *, reader: User, before: str = "") -> Page:
    """Read deposits of the clients the reader serves, and those of nobody. One query, two with `before`."""
    return page_of(deposits_in(tab, reader=reader), before)


def deposits_in(tab: str, *, reader: User) -> QuerySet[Deposit]:
    """The deposits of a tab, of the clients the reader serves and of nobody."""
    rows = Deposit.objects.filter(within_or_nobodys(reader, "client"), status__in=DEPOSIT_TABS[tab])
    return rows.select_related("client", "asset")


def withdrawals(tab: str, *, reader: User, before: str = "") -> Page:
    """Read withdrawals of the clients the reader serves. One query, two with `before`."""
    return page_of(withdrawals_in(tab, reader=reader), before)


def withdrawals_in(tab: str, *, reader: User) -> QuerySet[Withdrawal]:
    """The withdrawals of a tab, of the clients the reader serves."""
    rows = Withdrawal.objects.filter(within(reader, "client"), status__in=WITHDRAWAL_TABS[tab])
    return rows.select_related("client", "asset", "account", "address")


def open_deposits(reader: User) -> int:
    """Count deposits under way, as `deposits` lists them. One query."""
    return Deposit.objects.filter(within_or_nobodys(reader, "client"), status__in=DEPOSIT_TABS[""]).count()


def open_withdrawals(reader: User) -> int:
    """Count withdrawals under way, as `withdrawals` lists them. One query."""
    return Withdrawal.objects.filter(within(reader, "client"), status__in=WITHDRAWAL_TABS[""]).count()


def accounts_of_banks(tab: str, *, reader: User, before: str = "") -> Page:
    """Read bank accounts that wait, are approved or ended, the latest first. One query, two with `before`."""
    rows = BankAccount.objects.filter(within_or_nobodys(reader, "counterparty"), OF_ACCOUNTS[tab])
    return page_of(rows.select_related("counterparty"), before)


def addresses_of(tab: str, *, reader: User, before: str = "") -> Page:
    """Read addresses that wait, are approved or ended, the latest first. One query, two with `before`."""
    rows = PayoutAddress.objects.filter(within(reader, "counterparty"), OF_ADDRESSES[tab])
    return page_of(rows.select_related("counterparty"), before)


def deposit(ref: str, *, reader: User) -> Deposit:
    """
    Read one deposit. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    rows = Deposit.objects.filter(within_or_nobodys(reader, "client"), ref=ref)
    return one_of(rows.select_related("client", "asset", "entered_by", "wallet__watch"))


def withdrawal(ref: str, *, reader: User) -> Withdrawal:
    """
    Read one withdrawal. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    rows = Withdrawal.objects.filter(within(reader, "client"), ref=ref)
    return one_of(rows.select_related("client", "asset", "account", "address", "requested_by"))


def address(ref: str, *, reader: User) -> PayoutAddress:
    """
    Read one address. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    rows = PayoutAddress.objects.filter(within(reader, "counterparty"), ref=ref)
    return one_of(rows.select_related("counterparty", "asked_by"))


def account(ref: str, *, reader: User) -> BankAccount:
    """
    Read one bank account. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    rows = BankAccount.objects.filter(within_or_nobodys(reader, "counterparty"), ref=ref)
    return one_of(rows.select_related("counterparty", "asked_by"))


def client(ref: str, *, reader: User) -> Counterparty:
    """
    Read one client. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    return one_of(Counterparty.objects.filter(within(reader, "pk"), ref=ref, kind=Counterparty.Kind.CLIENT))


def chains() -> list[str]:
    """List the chains the desk pays on: those it has a wallet for. One query."""
    known = Wallet.objects.filter(chain__in=addresses.CHAINS)
    return list(known.order_by("chain").values_list("chain", flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Receiving:
    """Where a client's USDT may come in on one chain, and the addresses of its own that are credited by themselves."""

    chain: str
    address: str
    senders: tuple[str, ...]


def receiving(client: Counterparty) -> list[Receiving]:
    """List the wallets that are watched, with the client's approved addresses on their chains. Two queries."""
    own = PayoutAddress.objects.filter(OF_ADDRESSES[APPROVED], counterparty=client).order_by("pk")
    senders = list(own.values_list("chain", "address"))
    return [
        Receiving(wallet.chain, wallet.address, tuple(address for chain, address in senders if chain == wallet.chain))
        for wallet in Wallet.objects.filter(watch__isnull=False, paused_at=None).order_by("chain", "name")
    ]


def currencies() -> list[str]:
    """List the fiat currencies of the desk. One query."""
    return list(Asset.objects.filter(kind=Asset.Kind.FIAT).order_by("code").values_list("code", flat=True))


def served(reader: User, *, kind: str = "") -> list[Counterparty]:
    """List the counterparties the reader serves. One query."""
    rows = Counterparty.objects.filter(within(reader, "pk"))
    return list((rows.filter(kind=kind) if kind else rows).order_by("name"))


def state_of(row: BankAccount | PayoutAddress) -> str:
    """Say where a destination stands: asked for, approved or ended."""
    over = row.ended_at if isinstance(row, BankAccount) else row.revoked_at
    if over is not None:
        return ENDED
    return APPROVED if row.approved_at is not None else ASKED


def one_of[M: Model](rows: QuerySet[M]) -> M:
    """
    Read the one row there is, or may be.

    :raises NotFound: there is none.
    """
    found = rows.first()
    if found is None:
        raise NotFound
    return found


def page_of(rows: QuerySet[Any], before: str) -> Page:
    """Read one page, newest first, from the one after `before`. One query, two with it."""
    if before:
        rows = rows.filter(pk__lt=rows.model.objects.filter(ref=before).values("pk"))
    found = list(rows.order_by("-pk")[: PAGE_SIZE + 1])
    return Page(found[:PAGE_SIZE], found[PAGE_SIZE - 1].ref if len(found) > PAGE_SIZE else "")


def desk_accounts() -> dict[str, BankAccount]:
    """The desk's own accounts that clients pay to, by currency. One query."""
    own = BankAccount.objects.filter(OF_ACCOUNTS[APPROVED], counterparty=None)
    return {row.currency_id: row for row in own}


def alike(address: str, party: Counterparty) -> list[PayoutAddress]:
    """
    The party's own addresses, ended ones too, that begin and end like this one. One query.

    Somebody may have planted it. What is like others' addresses is told to those alone who decide about it.
    """
    own = list(PayoutAddress.objects.filter(counterparty=party).order_by("pk"))
    found = set(addresses.lookalikes(address, [row.address for row in own]))
    return [row for row in own if row.address in found]


def payable_currencies() -> list[str]:
    """List the currencies the desk has an approved bank account of its own for. One query."""
    own = BankAccount.objects.filter(OF_ACCOUNTS[APPROVED], counterparty=None)
    return list(own.order_by("currency").values_list("currency", flat=True))


def usable_destinations(client: Counterparty, *, now: datetime) -> list[BankAccount | PayoutAddress]:
    """List where the client's money may go now: bank accounts, then addresses that have cooled off. Two queries."""
    accounts = BankAccount.objects.filter(OF_ACCOUNTS[APPROVED], counterparty=client)
    cooled = PayoutAddress.objects.filter(OF_ADDRESSES[APPROVED], counterparty=client, usable_from__lte=now)
    return [*accounts.order_by("pk")[:PAGE_SIZE], *cooled.order_by("pk")[:PAGE_SIZE]]


def usable_destination(ref: str, client: Counterparty, *, now: datetime) -> BankAccount | PayoutAddress:
    """
    Read one of them.

    :raises NotFound: it is ended, cools off, or is not the client's.
    """
    found = next((one for one in usable_destinations(client, now=now) if one.ref == ref), None)
    if found is None:
        raise NotFound
    return found
