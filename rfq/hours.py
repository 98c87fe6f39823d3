"""
Trading hours: weekly windows on the clock of a time zone. Pure, no database, and true across changes of the clocks.

A window is one stretch from an instant to an instant. A time the clock shows twice (clocks go back) means its first
showing; a time it never shows (clocks go forward) means the moment of the jump. So nobody trades later than the
clock on the wall allows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid

MOST_WINDOWS = 21
DAYS_OF_WEEK = range(7)  # Monday is 0
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # for evidence, the same in every language
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
KEYS = {"days", "from", "to"}
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
# A window can reach into the day after it, and the day of a zone is up to one off from UTC's.
BACK, AHEAD = 2, 9


class UnknownTimeZone(Invalid):
    """Not a name of the IANA time zone database."""

    code = "unknown_time_zone"
    text = _("{time_zone} is not a time zone. Use a name like Europe/Berlin.")


class BadWindows(Invalid):
    """The weekly windows cannot be understood."""

    code = "bad_windows"
    text = _("Trading hours: give 1 to {most} windows of days (0 is Monday), from and to, like 09:00 to 17:00.")


@dataclass(frozen=True, slots=True)
class Window:
    """On each of these days from `start` to `end`; into the next day when `end` is not after `start`."""

    days: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody may trade, by the clock of their zone."""

    zone: ZoneInfo
    windows: tuple[Window, ...]


type Stretch = tuple[datetime, datetime]


def parse(time_zone: str, windows: object) -> Hours:
    """
    Trading hours from plain values: ``[{"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00"}]``.

    :raises UnknownTimeZone: no such zone.
    :raises BadWindows: not 1 to 21 windows of known days with times of day.
    """
    if time_zone not in available_timezones():
        raise UnknownTimeZone(time_zone=time_zone)
    if not isinstance(windows, list) or not 0 < len(windows) <= MOST_WINDOWS:
        raise BadWindows(most=MOST_WINDOWS)
    return Hours(ZoneInfo(time_zone), tuple(_window(one) for one in windows))


def _window(value: object) -> Window:
    if not isinstance(value, Mapping) or set(value) != KEYS:
        raise BadWindows(most=MOST_WINDOWS)
    days, times = value["days"], (value["from"], value["to"])
    if not _are_days(days) or not all(isinstance(one, str) and CLOCK.fullmatch(one) for one in times):
        raise BadWindows(most=MOST_WINDOWS)
    start, end = (time.fromisoformat(one) for one in times)
    return Window(frozenset(days), start, end)


def _are_days(days: Any) -> bool:
    if not isinstance(days, list) or not days or len(set(map(str, days))) < len(days):
        return False
    return all(isinstance(day, int) and not isinstance(day, bool) and day in DAYS_OF_WEEK for day in days)


def open_until(hours: Hours, at: datetime) -> datetime | None:
    """
    The UTC instant the present window closes; nothing when it is closed at `at`.

    Windows that touch are one. Hours that never close are answered with an instant at least a week away.
    """
    for start, end in _stretches(hours, at):
        if start <= at < end:
            return end
    return None


def next_opening(hours: Hours, at: datetime) -> datetime | None:
    """The UTC instant after `at` when a window opens; nothing when none does within a week."""
    return next((start for start, _end in _stretches(hours, at) if start > at), None)


def plain(windows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each window in words that are the same in every language."""
    return [f"{_names(one['days'], DAY_NAMES)} {one['from']}–{one['to']}" for one in windows]


def words(windows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each window for the reader."""
    return [f"{_names(one['days'], WEEKDAYS_ABBR)} {one['from']}–{one['to']}" for one in windows]


def _names(days: Sequence[int], names: Any) -> str:
    return ", ".join(str(names[day]) for day in sorted(days))


def _stretches(hours: Hours, at: datetime) -> Iterator[Stretch]:
    """The windows around `at` as instants, in order, those that touch or overlap made one."""
    here = at.astimezone(hours.zone).date()
    days: Sequence[date] = [here + DAY * offset for offset in range(-BACK, AHEAD + 1)]
    found = sorted(
        (_instant(hours.zone, day, window.start), _instant(hours.zone, _last_day(day, window), window.end))
        for day in days
        for window in hours.windows
        if day.weekday() in window.days
    )
    joined: Stretch | None = None
    for start, end in found:
        if end <= start:  # the clocks jumped over all of it
            continue
        if joined is not None and start <= joined[1]:
            joined = (joined[0], max(joined[1], end))
            continue
        if joined is not None:
            yield joined
        joined = (start, end)
    if joined is not None:
        yield joined


def _last_day(day: date, window: Window) -> date:
    return day if window.end > window.start else day + DAY


def _instant(zone: ZoneInfo, day: date, at: time) -> datetime:
    """When the clock of the zone shows this: the first time, or the moment it jumps over it."""
    shown = datetime.combine(day, at)
    first = shown.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == shown:
        return first
    before, after = shown.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    offset = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
