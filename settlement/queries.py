"""Reads about settlements, wallets and the ledger. Each has a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from settlement import autosettle
from settlement.models import (
    Entry,
    PayoutAddress,
    Settlement,
    SettlementTransition,
    Transfer,
    TransferAttempt,
    Wallet,
)
from trading.lib.errors import NotFound
from trading.lib.money import Money
from users.models import Counterparty, User
from users.queries.scopes import within

PAGE_SIZE = 50
WARN_AFTER = timedelta(minutes=5)
LATE = "late"

_Status = Settlement.Status
OPEN_STATES = (
    _Status.AWAITING_FUNDS,
    _Status.FLAGGED_OFF,
    _Status.AWAITING_APPROVAL,
    _Status.APPROVED,
    _Status.PAYING,
    _Status.BLOCKED,
    _Status.NEEDS_REVIEW,
)  # the index of what an LP has not settled names them, too
IN_FLIGHT = (_Status.APPROVED, _Status.PAYING)
STUCK = (_Status.BLOCKED, _Status.NEEDS_REVIEW)
# What the tabs of the list stand for; "" is everything that is not over.
STATE_FILTERS: dict[str, Sequence[str]] = {
    "": OPEN_STATES,
    "flagged_off": (_Status.FLAGGED_OFF,),
    "awaiting_approval": (_Status.AWAITING_APPROVAL,),
    "awaiting_funds": (_Status.AWAITING_FUNDS,),
    "in_flight": IN_FLIGHT,
    "stuck": STUCK,
    "settled": (_Status.SETTLED, _Status.SETTLED_MANUALLY),
    "cancelled": (_Status.CANCELLED,),
    "reversed": (_Status.REVERSED,),
    LATE: OPEN_STATES,  # of them, those past their deadline
}


@dataclass(frozen=True, slots=True)
class Flag:
    """The flag as it stands, and whether the environment allows it to be on."""

    name: str
    is_on: bool
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which settlements a list shows; it comes from the address of the page."""

    state: str = ""
    text: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One settlement of a list, and how urgent its age is ("", warn or late)."""

    settlement: Settlement
    transfer: Transfer | None
    urgency: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of settlements, newest first, its sum, and where the older ones begin."""

    rows: list[Row]
    total: Decimal
    older: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many settlements stand where, of those that are not over; `stuck_amount` in USDT."""

    by_status: dict[str, int] = field(default_factory=dict)
    stuck_amount: Decimal = Decimal(0)

    def of(self, states: Sequence[str]) -> int:
        """How many are in any of these states."""
        return sum(self.by_status.get(state, 0) for state in states)


@dataclass(frozen=True, slots=True)
class WalletRow:
    """A hot wallet and what it has, in USDT."""

    wallet: Wallet
    posted: Decimal
    reserved: Decimal

    @property
    def free(self) -> Decimal:
        """What is not reserved."""
        return self.posted - self.reserved

    @property
    def is_low(self) -> bool:
        """Whether it has less than its minimum."""
        return self.free < self.wallet.minimum


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One leg of a journal, in units of its asset."""

    entry: Entry
    amount: Decimal
    places: int


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about one settlement."""

    settlement: Settlement
    transitions: list[SettlementTransition]
    transfers: list[Transfer]
    entries: list[EntryRow]


def counts(*, reader: User) -> Counts:
    """Count the settlements that are not over, of the clients the reader serves, by state. One query."""
    rows = list(
        Settlement.objects.filter(within(reader, "client"), status__in=OPEN_STATES)
        .values("status")
        .annotate(number=Count("pk"), amount=Sum("base_amount"))
        .order_by("status")
    )
    stuck = sum((row["amount"] for row in rows if row["status"] in STUCK), Decimal(0))
    return Counts({row["status"]: row["number"] for row in rows}, stuck)


def open_count(*, reader: User) -> int:
    """Count the settlements that are not over, of the clients the reader serves. One query."""
    return Settlement.objects.filter(within(reader, "client"), status__in=OPEN_STATES).count()


def page(criteria: Criteria, *, reader: User, now: datetime) -> Page:
    """Read one page of settlements of the clients the reader serves. Two queries, whatever the number of rows."""
    found = matching(criteria, reader=reader, now=now).order_by("-pk")
    if criteria.before:
        found = found.filter(pk__lt=Settlement.objects.filter(ref=criteria.before).values("pk"))
    settlements = list(found[: PAGE_SIZE + 1])
    older = settlements[PAGE_SIZE - 1].ref if len(settlements) > PAGE_SIZE else ""
    rows = [_row(settlement, now) for settlement in settlements[:PAGE_SIZE]]
    return Page(rows, sum((row.settlement.base_amount for row in rows), Decimal(0)), older)


def detail(ref: str, *, reader: User) -> Detail:
    """
    Read one settlement with its history, payments and ledger entries. Five queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    found = _with_parties().select_related("reversal__request__requested_by")
    settlement = found.filter(within(reader, "client"), ref=ref).first()
    if settlement is None:
        raise NotFound(ref=ref)
    attempts = Prefetch("attempts", TransferAttempt.objects.order_by("number"))
    transfers = Transfer.objects.filter(settlement=settlement).select_related("wallet").prefetch_related(attempts)
    entries = (
        Entry.objects.filter(journal__subject=settlement.ref)
        .select_related("journal", "account", "asset")
        .order_by("journal_id", "pk")
    )
    return Detail(
        settlement,
        list(SettlementTransition.objects.filter(settlement=settlement).order_by("pk")),
        list(transfers.order_by("generation")),
        [_entry_row(entry) for entry in entries],
    )


def wallets() -> list[WalletRow]:
    """List the hot wallets with their balances. One query."""
    found = Wallet.objects.select_related("account__asset", "account__balance").order_by("name")
    return [_wallet_row(wallet) for wallet in found]


def flag() -> Flag:
    """Read the flag for looking at; what moves money asks `autosettle.read`. One query."""
    is_on = autosettle.is_set(autosettle.FLAG)
    return Flag(autosettle.FLAG, is_on, settings.AUTO_SETTLEMENT_ALLOWED)


def of_client(client: Counterparty) -> QuerySet[Settlement]:
    """The client's settlements with what was paid for them on chain. Three queries."""
    found = Settlement.objects.filter(client=client).select_related("quote_asset", "destination", "reversal")
    return found.prefetch_related(paid_on_chain())


def paid_on_chain() -> "Prefetch[Any]":
    """`payments` of settlements or withdrawals, each with its `tried` attempts that left, the latest first."""
    tried = TransferAttempt.objects.exclude(status=TransferAttempt.Status.SIGNED).order_by("-number")
    transfers = Transfer.objects.select_related("wallet").order_by("generation")
    transfers = transfers.prefetch_related(Prefetch("attempts", tried, to_attr="tried"))
    return Prefetch("transfers", transfers, to_attr="payments")


def of_lp(lp: Counterparty) -> QuerySet[Settlement]:
    """The LP's settlements. One query."""
    return Settlement.objects.filter(lp=lp).select_related("quote_asset", "reversal")


def matching(criteria: Criteria, *, reader: User, now: datetime) -> QuerySet[Settlement]:
    """The settlements that the list's filters let through, of the clients the reader serves."""
    found = _found(criteria).filter(within(reader, "client"))
    return found.filter(due_at__lt=now) if criteria.state == LATE else found


def _found(criteria: Criteria) -> QuerySet[Settlement]:
    found = _with_parties().prefetch_related(
        Prefetch("transfers", Transfer.objects.order_by("generation"), to_attr="payments")
    )
    text = criteria.text.strip()
    if not text:
        return found.filter(status__in=STATE_FILTERS[criteria.state])
    if criteria.state:
        found = found.filter(status__in=STATE_FILTERS[criteria.state])
    # Each part can use an index of its own: no join stands between them.
    clients = Counterparty.objects.filter(name__icontains=text).values("pk")
    addresses = PayoutAddress.objects.filter(address__iexact=text).values("pk")
    ref = text.upper()
    return found.filter(
        Q(ref__startswith=ref) | Q(trade_ref=ref) | Q(client__in=clients) | Q(destination__in=addresses)
    )


def _with_parties() -> QuerySet[Settlement]:
    return Settlement.objects.select_related("client", "lp", "quote_asset", "destination")


def _row(settlement: Settlement, now: datetime) -> Row:
    payments: list[Transfer] = settlement.payments  # type: ignore[attr-defined]  # prefetched in _found
    waited = now - settlement.created_at
    urgency = ""
    if settlement.status in OPEN_STATES and waited > WARN_AFTER:
        urgency = "late" if is_late(settlement, now=now) else "warn"
    return Row(settlement, payments[-1] if payments else None, urgency)


def is_late(settlement: Settlement, *, now: datetime) -> bool:
    """Whether it is past its deadline and not over."""
    return settlement.status in OPEN_STATES and settlement.due_at is not None and settlement.due_at < now


def late(*, now: datetime) -> QuerySet[Settlement]:
    """Settlements past their deadline that are not over."""
    return Settlement.objects.filter(status__in=OPEN_STATES, due_at__lt=now)


def _wallet_row(wallet: Wallet) -> WalletRow:
    unit = wallet.account.asset.unit
    balance = wallet.account.balance
    return WalletRow(wallet, Money.from_minor(balance.posted, unit).amount, Money.from_minor(balance.held, unit).amount)


def _entry_row(entry: Entry) -> EntryRow:
    return EntryRow(entry, Money.from_minor(entry.amount, entry.asset.unit).amount, entry.asset.scale)


def unsettled(lp_id: int) -> Decimal:
    """Sum the USDT of the LP's trades that are neither settled nor cancelled. One query."""
    live = Settlement.objects.filter(lp=lp_id, status__in=OPEN_STATES)
    total: Decimal | None = live.aggregate(total=Sum("base_amount"))["total"]
    return total or Decimal(0)
