"""The trial balance: what stood on which kind of account at a time, per asset. All of it together is nothing."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from django.db import connection

from settlement import standings
from settlement.models import LedgerAccount
from trading.lib.money import Money, Unit

# Each account's sum first, on its own side; then by kind. An account of a kind may stand on the other side of the next.
SUMS = f"""
with {standings.AT},
sums as (
    select account_id,
        coalesce(sum(amount) filter (where layer = 'P'), 0) as posted,
        coalesce(sum(amount) filter (where layer = 'H'), 0) as held
    from standing group by account_id
)
select asset.code, asset.scale, account.kind, count(*),
    sum(greatest(sums.posted, 0)), sum(greatest(-sums.posted, 0)),
    sum(greatest(sums.held, 0)), sum(greatest(-sums.held, 0))
from sums
join settlement_ledgeraccount as account on account.id = sums.account_id
join settlement_asset as asset on asset.code = account.asset_id
group by asset.code, asset.scale, account.kind order by asset.code, account.kind
"""  # noqa: S608 - of words of this app alone


@dataclass(frozen=True, slots=True)
class Sides:
    """Debits and credits, posted and held, in units of an asset."""

    debit: Decimal
    credit: Decimal
    held_debit: Decimal
    held_credit: Decimal

    @property
    def difference(self) -> Decimal:
        """Posted debits less credits: of everything together, nothing."""
        return self.debit - self.credit

    @property
    def held_difference(self) -> Decimal:
        """The same of what is held."""
        return self.held_debit - self.held_credit


@dataclass(frozen=True, slots=True)
class KindRow:
    """The accounts of one kind that had any entry by then."""

    kind: str
    accounts: int
    sides: Sides

    @property
    def label(self) -> str:
        """The kind in words."""
        return str(LedgerAccount.Kind(self.kind).label)


@dataclass(frozen=True, slots=True)
class AssetBalance:
    """One asset: its kinds of accounts and their total."""

    unit: Unit
    rows: list[KindRow]
    total: Sides

    @property
    def is_zero(self) -> bool:
        """Whether debits and credits are the same in both layers, as they must be."""
        return not (self.total.difference or self.total.held_difference)


def as_of(at: datetime, *, now: datetime) -> list[AssetBalance]:
    """Sum what was posted and held by then, by asset and kind of account. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SUMS, standings.values_at(at, now=now))
        rows = cursor.fetchall()
    found = []
    for (code, scale), group in groupby(rows, key=lambda row: (row[0], row[1])):
        unit = Unit(code, scale)
        kinds = [
            KindRow(kind, number, Sides(*(Money.from_minor(minor, unit).amount for minor in sides)))
            for _code, _scale, kind, number, *sides in group
        ]
        found.append(AssetBalance(unit, kinds, _total([row.sides for row in kinds])))
    return found


def _total(rows: list[Sides]) -> Sides:
    names = ("debit", "credit", "held_debit", "held_credit")
    return Sides(*(sum((getattr(row, name) for row in rows), Decimal(0)) for name in names))
