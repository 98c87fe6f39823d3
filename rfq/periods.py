"""A stretch of days as people name it: a month (`2026-10`) or a first and a last day, on the reader's own clock."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid
from trading.lib.numbers import DIGITS

MONTH = re.compile(r"(\d{4})-(\d{1,2})")
LONGEST = timedelta(days=366)
EARLIEST = 2000
TO = ".."


class NotAPeriod(Invalid):
    """The words name no month and no days."""

    code = "not_a_period"
    text = _("I did not understand this time. Write a month, like 2026-10, or a first and a last day.")


class PeriodTooLong(Invalid):
    """More than a year."""

    code = "period_too_long"
    text = _("That is more than a year. Choose a year at most.")


class PeriodAhead(Invalid):
    """It has not begun yet."""

    code = "period_ahead"
    text = _("That time has not begun yet.")


@dataclass(frozen=True, slots=True)
class Period:
    """From the first instant to before the last; `name` reads back to the same on the same clock."""

    name: str
    begins: datetime
    ends: datetime


def read(words: Sequence[str], *, time_zone: str, now: datetime) -> Period:
    """
    Understand ``2026-10``, ``2026-10-01 2026-10-15`` or ``2026-10-01..2026-10-15``; nothing is the running month.

    :raises NotAPeriod: none of these.
    :raises PeriodTooLong: more than a year.
    :raises PeriodAhead: it has not begun yet.
    """
    zone = ZoneInfo(time_zone)
    parts = " ".join(words).translate(DIGITS).replace(TO, " ").split()
    if not parts:
        return month_of(now, time_zone=time_zone)
    first, after = _days(parts)
    if after - first > LONGEST:
        raise PeriodTooLong
    name = "-".join(parts[0].split("-")[:2]) if len(parts) == 1 else f"{parts[0]}{TO}{parts[1]}"
    period = Period(name, _midnight(first, zone), _midnight(after, zone))
    if period.begins > now:
        raise PeriodAhead
    return period


def month_of(at: datetime, *, time_zone: str, back: int = 0) -> Period:
    """The month an instant is in, or one so many months before."""
    zone = ZoneInfo(time_zone)
    local = at.astimezone(zone)
    months = local.year * 12 + local.month - 1 - back
    first, after = _month(months // 12, months % 12 + 1)
    return Period(f"{first:%Y-%m}", _midnight(first, zone), _midnight(after, zone))


def _days(parts: list[str]) -> tuple[date, date]:
    """The first day, and the one after the last."""
    try:
        if len(parts) == 1 and (found := MONTH.fullmatch(parts[0])):
            return _month(int(found[1]), int(found[2]))
        first, last = (date.fromisoformat(part) for part in parts)
    except ValueError as error:
        raise NotAPeriod from error
    if last < first or first.year < EARLIEST:
        raise NotAPeriod
    return first, last + timedelta(days=1)


def _month(year: int, month: int) -> tuple[date, date]:
    first = date(year, month, 1)
    if year < EARLIEST:
        raise NotAPeriod
    return first, (first + timedelta(days=31)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)
