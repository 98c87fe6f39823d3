"""Trading hours by the clock on the wall: weeks, nights, and the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfq import hours
from rfq.hours import BadWindows, Hours, UnknownTimeZone, next_opening, open_until

WEEKDAYS = [0, 1, 2, 3, 4]


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def of(zone: str, start: str, end: str, days: list[int] | None = None) -> Hours:
    return hours.parse(zone, [{"days": days or list(range(7)), "from": start, "to": end}])


def test_a_day_has_a_first_and_a_last_instant() -> None:
    berlin = of("Europe/Berlin", "09:00", "17:00", WEEKDAYS)  # UTC+2 in June

    assert open_until(berlin, at("2026-06-01 06:59:59")) is None
    assert open_until(berlin, at("2026-06-01 07:00")) == at("2026-06-01 15:00")
    assert open_until(berlin, at("2026-06-01 14:59:59")) == at("2026-06-01 15:00")
    assert open_until(berlin, at("2026-06-01 15:00")) is None
    assert next_opening(berlin, at("2026-06-01 15:00")) == at("2026-06-02 07:00")


def test_a_weekend_is_closed_until_monday() -> None:
    berlin = of("Europe/Berlin", "09:00", "17:00", WEEKDAYS)

    assert open_until(berlin, at("2026-06-06 10:00")) is None
    assert next_opening(berlin, at("2026-06-05 16:00")) == at("2026-06-08 07:00")


def test_the_day_is_that_of_the_zone() -> None:
    tehran = of("Asia/Tehran", "00:30", "02:00", [5])  # Saturday; UTC+3:30

    assert open_until(tehran, at("2026-06-05 21:00")) == at("2026-06-05 22:30")


def test_a_window_over_midnight_belongs_to_the_day_it_begins() -> None:
    new_york = of("America/New_York", "20:00", "04:00", [4])  # Friday night; UTC-4

    assert open_until(new_york, at("2026-06-06 00:00")) == at("2026-06-06 08:00")
    assert open_until(new_york, at("2026-06-06 07:59:59")) == at("2026-06-06 08:00")
    assert open_until(new_york, at("2026-06-06 08:00")) is None
    assert open_until(new_york, at("2026-06-07 01:00")) is None


def test_windows_that_touch_are_one() -> None:
    split = hours.parse(
        "UTC",
        [
            {"days": [0], "from": "09:00", "to": "12:00"},
            {"days": [0], "from": "12:00", "to": "15:00"},
            {"days": [0], "from": "14:00", "to": "00:00"},
            {"days": [1], "from": "00:00", "to": "01:00"},
        ],
    )

    assert open_until(split, at("2026-06-01 09:00")) == at("2026-06-02 01:00")


def test_round_the_clock_closes_no_sooner_than_in_a_week() -> None:
    always = of("Asia/Tehran", "00:00", "00:00")
    now = at("2026-06-01 12:00")
    closes = open_until(always, now)

    assert closes is not None
    assert closes >= now + timedelta(days=7)


@pytest.mark.parametrize(
    ("zone", "day", "opens", "closes"),
    [
        ("Europe/Berlin", "2026-03-27", "08:00", "16:00"),  # winter
        ("Europe/Berlin", "2026-03-29", "07:00", "15:00"),  # the day the clocks go forward
        ("Europe/Berlin", "2026-10-24", "07:00", "15:00"),
        ("Europe/Berlin", "2026-10-25", "08:00", "16:00"),  # the day the clocks go back
        ("America/New_York", "2026-03-07", "14:00", "22:00"),
        ("America/New_York", "2026-03-08", "13:00", "21:00"),
        ("America/New_York", "2026-10-31", "13:00", "21:00"),
        ("America/New_York", "2026-11-01", "14:00", "22:00"),
        ("Asia/Tehran", "2026-03-21", "05:30", "13:30"),  # no change of the clocks since 2023
        ("Asia/Tehran", "2026-03-22", "05:30", "13:30"),
        ("Asia/Tehran", "2022-03-22", "04:30", "12:30"),  # and one before
    ],
)
def test_nine_to_five_follows_the_clocks(zone: str, day: str, opens: str, closes: str) -> None:
    office = of(zone, "09:00", "17:00")

    assert open_until(office, at(f"{day} {opens}")) == at(f"{day} {closes}")
    assert open_until(office, at(f"{day} {opens}") - timedelta(seconds=1)) is None
    assert open_until(office, at(f"{day} {closes}")) is None


def test_a_time_shown_twice_means_its_first_showing() -> None:
    night = of("Europe/Berlin", "01:00", "02:30")  # 02:00 to 03:00 comes twice on 25 October

    assert open_until(night, at("2026-10-25 00:29:59")) == at("2026-10-25 00:30")
    assert open_until(night, at("2026-10-25 00:30")) is None
    assert open_until(night, at("2026-10-25 01:15")) is None  # 02:15 for the second time

    later = of("America/New_York", "01:30", "03:00")
    assert open_until(later, at("2026-11-01 05:30")) == at("2026-11-01 08:00")  # 2.5 hours of it


def test_a_time_never_shown_means_the_jump() -> None:
    opening = of("Europe/Berlin", "02:30", "05:00")  # 02:00 to 03:00 is left out on 29 March
    closing = of("America/New_York", "01:00", "02:30")

    assert open_until(opening, at("2026-03-29 00:59:59")) is None
    assert open_until(opening, at("2026-03-29 01:00")) == at("2026-03-29 03:00")
    assert open_until(closing, at("2026-03-08 06:59:59")) == at("2026-03-08 07:00")
    assert open_until(closing, at("2026-03-08 07:00")) is None


def test_a_window_the_clocks_jump_over_does_not_open_that_day() -> None:
    lost = of("Europe/Berlin", "02:10", "02:50")

    assert next_opening(lost, at("2026-03-28 12:00")) == at("2026-03-30 00:10")


def test_a_zone_that_skipped_a_day_goes_on() -> None:
    apia = of("Pacific/Apia", "09:00", "17:00")  # 30 December 2011 was left out

    assert open_until(apia, at("2011-12-29 20:00")) == at("2011-12-30 03:00")
    assert next_opening(apia, at("2011-12-30 03:00")) == at("2011-12-30 19:00")


GOOD: dict[str, Any] = {"days": [0], "from": "09:00", "to": "17:00"}


@pytest.mark.parametrize(
    "windows",
    [
        None,
        {},
        [],
        "09:00",
        [GOOD] * 22,
        [[]],
        [GOOD | {"days": []}],
        [GOOD | {"days": [7]}],
        [GOOD | {"days": [-1]}],
        [GOOD | {"days": [0, 0]}],
        [GOOD | {"days": [True]}],
        [GOOD | {"days": ["0"]}],
        [GOOD | {"days": [[0]]}],
        [GOOD | {"days": 0}],
        [GOOD | {"from": "9:00"}],
        [GOOD | {"from": "24:00"}],
        [GOOD | {"from": "۰۹:۰۰"}],
        [GOOD | {"to": "17:00:00"}],
        [GOOD | {"to": "17:00\n"}],
        [GOOD | {"to": 17}],
        [GOOD | {"more": 1}],
        [{"days": [0], "from": "09:00"}],
    ],
)
def test_windows_nobody_could_keep_are_refused(windows: object) -> None:
    with pytest.raises(BadWindows):
        hours.parse("UTC", windows)


@pytest.mark.parametrize("zone", ["", "Berlin", "europe/berlin", "../UTC", "/etc/localtime"])
def test_zones_nobody_knows_are_refused(zone: str) -> None:
    with pytest.raises(UnknownTimeZone):
        hours.parse(zone, [GOOD])


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them bare
CLOCKS = st.times().map(lambda one: f"{one:%H:%M}")


@given(
    moment=MOMENTS,
    start=CLOCKS,
    end=CLOCKS,
    days=st.lists(st.integers(0, 6), min_size=1, unique=True),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Tehran", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_open_or_opening_never_both_and_never_in_the_past(
    moment: datetime, start: str, end: str, days: list[int], zone: str
) -> None:
    some = of(zone, start, end, days)
    closes, opens = open_until(some, moment), next_opening(some, moment)

    assert closes is None or moment < closes
    assert opens is None or moment < opens
    if closes is None:
        assert opens is not None
        assert open_until(some, opens) is not None
        assert open_until(some, opens - timedelta(seconds=1)) is None
    elif closes < moment + timedelta(days=7):
        assert open_until(some, closes - timedelta(seconds=1)) == closes
        assert open_until(some, closes) is None
