"""Reports over many trades: as they were kept last, or made now where none was kept yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rfq.models import KeptReport

LATE_AFTER = timedelta(minutes=15)

type Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Report:
    """One report: its name, and what makes its rows over all of the desk, of plain values, up to an instant."""

    name: str
    make: Callable[[datetime], list[Row]]


@dataclass(frozen=True, slots=True)
class AsOf:
    """How fresh a kept report is: up to when it counts, and whether it should have been made anew long ago."""

    at: datetime
    is_late: bool


def rows_of(report: Report, *, now: datetime) -> tuple[list[Row], AsOf | None]:
    """
    Read a report as it is kept, in one query; where it is not kept yet it is made, as of now, in those it takes.

    Values of a kept one are those that JSON has: decimals and days are strings.
    """
    found = KeptReport.objects.filter(pk=report.name).first()
    if found is None:
        return report.make(now), None
    return found.rows, AsOf(found.as_of, now > found.due_at + LATE_AFTER)
