"""Reports that a job keeps: the same as made now, said to be of when they were made, never in the way."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq import operations, tasks
from rfq.models import KeptReport
from rfq.queries.exposure import REVENUE, revenue
from rfq.queries.kept import LATE_AFTER, AsOf
from rfq.queries.scorecards import REPORTS, WINDOWS, own_scorecard, scorecards
from tests import factories
from tests.factories import Market
from tests.rfq.test_scorecards import trade_a_little
from trading.lib import clock
from users.models import User

ALL = [REVENUE, *REPORTS.values()]


@pytest.fixture
def market(db: None) -> Market:
    made = factories.market()
    trade_a_little(made)
    return made


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def keep_all(now: datetime) -> None:
    for report in ALL:
        assert operations.keep_report(report=report, now=now)


def figures_of(olga: User, now: datetime) -> list[Any]:
    cards = [card for window in WINDOWS for card in scorecards(window=window, reader=olga, now=now)]
    return [(card.lp, card.total, card.parts) for card in cards]


def test_kept_is_what_would_be_made_now(market: Market, olga: User) -> None:
    now = clock.now()
    made, days = figures_of(olga, now), revenue(reader=olga, now=now)
    assert days.as_of is None
    assert days.days != []
    assert made[0][1].asked > 0

    keep_all(now)

    assert figures_of(olga, now) == made
    kept = revenue(reader=olga, now=now)
    assert kept.days == days.days
    assert kept.as_of == AsOf(now, is_late=False)


def test_what_came_since_is_in_the_next_one(market: Market, olga: User) -> None:
    now = clock.now()
    keep_all(now)
    first = own_scorecard(market.meridian, window="7d", now=now)

    trade_a_little(market)
    late = KeptReport.objects.get(pk="scorecards:7d").due_at + LATE_AFTER + timedelta(seconds=1)
    before = own_scorecard(market.meridian, window="7d", now=late)
    tasks.keep_reports(timestamp=0)
    KeptReport.objects.update(took=timedelta(0))
    tasks.keep_reports(timestamp=0)
    after = own_scorecard(market.meridian, window="7d", now=clock.now())

    assert before.total == first.total
    assert before.as_of == AsOf(now, is_late=True)
    assert before.unsettled == after.unsettled == first.unsettled * 2  # what is not settled is read as it is
    assert after.total.asked == first.total.asked * 2
    assert after.as_of is not None
    assert after.as_of.at > now
    assert not after.as_of.is_late


def test_one_that_takes_long_is_made_less_often(market: Market) -> None:
    now = clock.now()
    operations.keep_report(report=REVENUE, now=now)
    KeptReport.objects.update(took=timedelta(seconds=2))

    assert not operations.keep_report(report=REVENUE, now=now + timedelta(seconds=99))
    assert KeptReport.objects.get().as_of == now
    assert operations.keep_report(report=REVENUE, now=now + timedelta(seconds=100))
    assert KeptReport.objects.get().as_of == now + timedelta(seconds=100)


def test_kept_reports_are_read_by_one_query(market: Market, olga: User) -> None:
    now = clock.now()

    def costs() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as of_days:
            revenue(reader=olga, now=now)
        with CaptureQueriesContext(connection) as of_cards:
            scorecards(window="30d", reader=olga, now=now)
        return len(of_days), len(of_cards)

    assert costs() == (2, 4)
    keep_all(now)
    assert costs() == (1, 3)


def test_scoped_reader_is_shown_nothing_of_the_whole_desk(market: Market, olga: User) -> None:
    keep_all(clock.now())
    narrowed = factories.narrowed(olga)

    found = revenue(reader=narrowed, now=clock.now())

    assert (found.days, found.as_of) == ([], None)
    assert scorecards(window="7d", reader=narrowed, now=clock.now()) == []
