"""
Sums for Prometheus. What happens adds steps (most by triggers of the database); a job adds the steps up.

Read is always everything: the totals and the steps that are not in them yet, in one statement.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import connection

from alerting.models import FigureStep
from trading.lib.operations import operation

# Upper bounds in seconds; the database sorts by the same ones (`desk_figure_bounds`).
QUOTE_BOUNDS = ("0.5", "1", "2", "5", "10", "20", "30", "60", "120", "300")
SETTLE_BOUNDS = ("10", "30", "60", "120", "300", "600", "900", "1800", "3600", "14400", "86400")
BEYOND = "+Inf"

# A step that somebody else folds at this moment is left to them; what is not committed yet is not seen, and stays.
FOLD = """
    with taken as (
        delete from alerting_figurestep where id in (
            select id from alerting_figurestep order by id limit 200000 for update skip locked
        ) returning name, labels, number, amount
    )
    insert into alerting_figuretotal as total (name, labels, number, amount)
    select name, labels, sum(number), sum(amount) from taken group by name, labels order by name, labels
    on conflict (name, labels) do update
        set number = total.number + excluded.number, amount = total.amount + excluded.amount
"""
READ = """
    select name, labels, sum(number)::bigint, sum(amount) from (
        select name, labels, number, amount from alerting_figuretotal
        union all
        select name, labels, number, amount from alerting_figurestep
    ) as everything group by name, labels order by name, labels
"""

type Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """So many, and what they come to."""

    number: int
    amount: Decimal


@dataclass(slots=True)
class Histogram:
    """What was observed under one set of labels: how many up to each bound, rising, and the sum of all."""

    buckets: list[tuple[str, int]] = field(default_factory=list)
    total: Decimal = Decimal(0)


class Sums:
    """All sums, by name and labels."""

    def __init__(self) -> None:
        """Read them. One query."""
        self._of: dict[str, dict[Labels, Sum]] = defaultdict(dict)
        with connection.cursor() as cursor:
            cursor.execute(READ)
            for name, labels, number, amount in cursor.fetchall():
                self._of[name][tuple(labels)] = Sum(number, amount)

    def of(self, name: str) -> Mapping[Labels, Sum]:
        """Those of one name."""
        return self._of.get(name, {})

    def histograms(self, name: str, bounds: tuple[str, ...], *, labels: int = 0) -> dict[Labels, Histogram]:
        """What was observed, by the first so many labels; the one after them is the bucket's."""
        found: dict[Labels, dict[str, Sum]] = defaultdict(dict)
        for key, one in self.of(name).items():
            found[key[:labels]][key[labels]] = one
        if not labels:
            found[()] = found.get((), {})
        return {key: _histogram(rows, bounds) for key, rows in found.items()}


def _histogram(rows: Mapping[str, Sum], bounds: tuple[str, ...]) -> Histogram:
    made, rising = Histogram(), 0
    for bound in (*bounds, BEYOND):
        if (one := rows.get(bound)) is not None:
            rising += one.number
            made.total += one.amount
        made.buckets.append((bound, rising))
    return made


@operation
def fold() -> None:
    """Add up the steps that were committed."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD)


@operation
def add(*, name: str, numbers: Counter[Labels]) -> None:
    """Add what a process counted by itself, by labels."""
    FigureStep.objects.bulk_create(
        FigureStep(name=name, labels=list(labels), number=number, amount=0) for labels, number in numbers.items()
    )
