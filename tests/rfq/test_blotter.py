"""What the blotter's rows say of an RFQ's quotes, and what today's trading comes to."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rfq import operations, queries
from rfq.models import Fill, Rfq
from rfq.queries import Criteria, Row
from tests import factories
from tests.factories import Market
from trading.lib import clock
from users.models import User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def row_of(rfq: Rfq, reader: User) -> Row:
    return next(row for row in queries.page(Criteria(), reader=reader).rows if row.rfq == rfq)


@pytest.mark.parametrize(("side", "best"), [("buy", "0.9200"), ("sell", "0.9210")])
def test_best_is_what_is_best_for_the_client(market: Market, olga: User, side: str, best: str) -> None:
    rfq = factories.rfq(market, side=side)
    factories.quote(rfq, market.leo, "0.9210")
    factories.quote(rfq, market.mina, "0.9200")

    row = row_of(rfq, olga)

    assert row.best is not None
    assert (row.best.price, row.quotes) == (Decimal(best), 2)
    assert row.base_amount == row.best.base_amount


def test_of_two_at_the_same_price_the_earlier_is_best(market: Market, olga: User) -> None:
    rfq = factories.rfq(market)
    first = factories.quote(rfq, market.mina)
    factories.quote(rfq, market.leo)

    assert row_of(rfq, olga).best == first


def test_traded_is_shown_and_what_was_taken_back_is_only_counted(market: Market, olga: User) -> None:
    traded, pulled, silent = (factories.rfq(market) for _ in range(3))
    taken = factories.quote(traded, market.leo, "0.9210")
    factories.accept(taken, market.tara)
    factories.quote(pulled, market.leo, "0.9100")
    operations.pull_quote(rfq_ref=pulled.ref, actor=market.leo, now=clock.now())

    assert (row_of(traded, olga).best, row_of(traded, olga).quotes) == (taken, 1)
    assert (row_of(pulled, olga).best, row_of(pulled, olga).quotes) == (None, 1)
    assert (row_of(silent, olga).best, row_of(silent, olga).quotes) == (None, 0)


def test_today_is_its_hours_and_the_median_of_all_of_it(market: Market, olga: User) -> None:
    for price in ("0.92", "0.91", "0.93"):
        factories.fill(market, price=price)
    fills = list(Fill.objects.all())
    now = fills[0].filled_at.replace(hour=23, minute=30)

    day = queries.today(reader=olga, now=now)

    hours = {bucket.at.hour: bucket for bucket in day.buckets}
    spreads = sorted(abs(fill.price - fill.lp_price) / fill.lp_price * 10_000 for fill in fills)
    assert list(hours) == list(range(24))
    assert (day.fills, day.volume) == (3, sum(fill.base_amount for fill in fills))
    assert day.spread_bps is not None
    assert round(day.spread_bps, 6) == round(spreads[1], 6)
    assert sum(bucket.volume for bucket in day.buckets) == day.volume
    assert {bucket.spread_bps is None for at, bucket in hours.items() if not bucket.volume} == {True}


def test_a_day_without_trades_is_empty(market: Market, olga: User) -> None:
    factories.fill(market)
    day = queries.today(reader=olga, now=clock.now() + timedelta(days=1))

    assert (day.fills, day.volume, day.spread_bps) == (0, Decimal(0), None)
    assert {bucket.volume for bucket in day.buckets} == {Decimal(0)}
