"""A party's money and trades over a period, from the ledger and the fills. A fixed number of queries."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from rfq.models import Fill
from rfq.periods import Period
from rfq.queries import parties
from rfq.shown import opposite
from settlement import standings
from settlement.models import Asset, Entry, Journal, LedgerAccount
from settlement.shown import state_for_lp
from settlement.standings import Standing
from trading.lib.errors import Conflict
from trading.lib.money import Money
from users.models import Counterparty

REF = re.compile(r"[A-Z]{3}-[A-Z0-9]+")
PAGE_SIZE = 10


class StatementTooLong(Conflict):
    """More rows than one paper holds."""

    code = "statement_too_long"
    text = _("This statement has more than {most} rows. Choose fewer days, or CSV, which holds more.")


@dataclass(frozen=True, slots=True)
class Movement:
    """One booking on the party's account: signed from its view, and what the balance was after it."""

    at: datetime
    ref: str
    kind: str
    amount: Decimal
    balance: Decimal


@dataclass(slots=True)
class AccountPeriod:
    """The party's account of one asset over the period."""

    asset: Asset
    opening: Decimal
    movements: list[Movement] = field(default_factory=list)

    @property
    def closing(self) -> Decimal:
        """The balance at the end."""
        return self.movements[-1].balance if self.movements else self.opening

    @property
    def came_in(self) -> Decimal:
        """The sum of what came in."""
        return sum((row.amount for row in self.movements if row.amount > 0), Decimal(0))

    @property
    def went_out(self) -> Decimal:
        """The sum of what went out, positive."""
        return -sum((row.amount for row in self.movements if row.amount < 0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade as its party may see it: the client's all-in price, or the LP's own."""

    at: datetime
    ref: str
    rfq: str
    settlement: str
    side: str
    base_amount: Decimal
    price: Decimal
    price_scale: int
    quote_amount: Decimal
    currency: Asset
    status: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything of one party over a period, as it stood at `made_at`."""

    party: Counterparty
    period: Period
    made_at: datetime
    accounts: list[AccountPeriod]
    trades: list[Trade]


def statement(party: Counterparty, period: Period, *, most: int, made_at: datetime) -> Statement:
    """
    Read it. Four queries, whatever the number of rows.

    :raises StatementTooLong: more than `most` movements, or trades.
    """
    until = min(period.ends, made_at)
    accounts = {row.pk: row for row in _accounts(party)}
    opening = standings.of_accounts_before(accounts, period.begins)
    found = {
        pk: AccountPeriod(row.asset, _signed(opening.get(pk, Standing()).posted, row)) for pk, row in accounts.items()
    }
    entries = Entry.objects.filter(
        account__in=accounts,
        layer=Entry.Layer.POSTED,
        journal__created_at__gte=period.begins,
        journal__created_at__lt=until,
    )
    for entry in _bounded(entries.select_related("journal").order_by("pk"), most):
        money, amount = found[entry.account_id], _signed(entry.amount, accounts[entry.account_id])
        journal = entry.journal
        after = money.closing + amount
        money.movements.append(Movement(journal.created_at, _ref_of(journal), journal.kind, amount, after))
    trades = fills(party, period).filter(filled_at__lt=until).order_by("pk")
    used = [money for money in found.values() if money.movements or money.opening]
    return Statement(party, period, made_at, used, [trade_of(fill, party) for fill in _bounded(trades, most)])


def fills(party: Counterparty, period: Period | None) -> QuerySet[Fill]:
    """The party's trades of a period, or all."""
    found = parties.fills_of(party)
    return found.filter(filled_at__gte=period.begins, filled_at__lt=period.ends) if period else found


def page(
    party: Counterparty, period: Period | None, *, before: str = "", after: str = ""
) -> tuple[list[Trade], str, str]:
    """
    Ten trades, newest first, and the refs to go on from: to older ones (`before`), to newer ones (`after`). One query.

    :param before: only those older than this fill.
    :param after: only those newer than this fill, the nearest ten.
    """
    found = fills(party, period)
    if after:
        found = found.filter(pk__gt=Fill.objects.filter(ref=after).values("pk"))
        rows = list(found.order_by("pk")[: PAGE_SIZE + 1])
        has_newer, has_older = len(rows) > PAGE_SIZE, True
        rows = rows[:PAGE_SIZE][::-1]
    else:
        if before:
            found = found.filter(pk__lt=Fill.objects.filter(ref=before).values("pk"))
        rows = list(found.order_by("-pk")[: PAGE_SIZE + 1])
        has_newer, has_older = bool(before), len(rows) > PAGE_SIZE
        rows = rows[:PAGE_SIZE]
    trades = [trade_of(fill, party) for fill in rows]
    older = trades[-1].ref if trades and has_older else ""
    newer = trades[0].ref if trades and has_newer else ""
    return trades, older, newer


def trade_of(fill: Fill, party: Counterparty) -> Trade:
    """The party's side of a trade. Needs RFQ, pair, quote and settlement loaded."""
    is_lp = party.kind == Counterparty.Kind.LP
    pair = fill.rfq.pair
    return Trade(
        at=fill.filled_at,
        ref=fill.ref,
        rfq=fill.rfq.ref,
        settlement=fill.settlement.ref,
        side=opposite(fill.side) if is_lp else fill.side,
        base_amount=fill.base_amount,
        price=fill.lp_price if is_lp else fill.price,
        price_scale=pair.price_scale,
        quote_amount=fill.quote.lp_quote_amount if is_lp else fill.quote_amount,
        currency=pair.quote_asset,
        status=state_for_lp(fill.settlement.status) if is_lp else fill.settlement.status,
    )


def _accounts(party: Counterparty) -> QuerySet[LedgerAccount]:
    return LedgerAccount.objects.filter(counterparty=party).select_related("asset").order_by("asset__kind", "asset_id")


def _bounded[M: Entry | Fill](rows: QuerySet[M], most: int) -> Iterable[M]:
    found = list(rows[: most + 1])
    if len(found) > most:
        raise StatementTooLong(most=most)
    return found


def _signed(minor: Decimal | int, account: LedgerAccount) -> Decimal:
    """From the party's view: what the desk owes it is positive."""
    sign = -1 if account.normal == LedgerAccount.Normal.CREDIT else 1
    return sign * Money.from_minor(minor, account.asset.unit).amount + 0  # never a negative nothing


def _ref_of(journal: Journal) -> str:
    """What the movement is about: a settlement, a deposit; else the reference it was booked with."""
    return journal.subject if REF.fullmatch(journal.subject) else journal.key.partition(":")[2]
