"""What is not settled, and what was earned, added up by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq.models import Fill
from rfq.queries.exposure import exposure, revenue
from settlement import tasks as settlement_tasks
from settlement.models import Settlement
from tests import factories
from tests.factories import Market
from trading.lib import clock
from users.models import User

# all-in 0.9219 and 0.9181, the LP's 0.92, 10,000 EUR bought for and 5,000 USDT sold: docs/architecture.md
BOUGHT, SOLD = Decimal("10847.163466"), Decimal(5000)


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def trade(market: Market) -> None:
    factories.fill(market)
    sale = factories.rfq(market, side="sell", amount="5000", unit="USDT")
    factories.accept(factories.quote(sale, market.mina, "0.92"), market.tara)


def test_exposure_adds_up_by_currency_lp_and_client(market: Market, olga: User) -> None:
    trade(market)

    found = exposure(reader=olga)

    legs = [(leg.asset, leg.side, leg.number, leg.base_amount, leg.quote_amount) for leg in found.legs]
    assert legs == [("EUR", "buy", 1, BOUGHT, Decimal(10_000)), ("EUR", "sell", 1, SOLD, Decimal("4590.50"))]
    assert [leg.lp_quote_amount for leg in found.legs] == [Decimal("9979.39"), Decimal(4600)]
    lps = [(share.ref, share.bought, share.sold) for share in found.lps]
    assert lps == [(market.meridian.ref, BOUGHT, 0), (market.northwind.ref, 0, SOLD)]
    assert [(share.ref, share.bought, share.sold) for share in found.clients] == [(market.client.ref, BOUGHT, SOLD)]
    assert (found.number, found.base_amount) == (2, BOUGHT + SOLD)
    assert found.oldest_at == Settlement.objects.earliest("pk").created_at


def test_what_is_settled_is_no_exposure(market: Market, olga: User) -> None:
    sale = factories.rfq(market, side="sell", amount="5000", unit="USDT")
    fill = factories.accept(factories.quote(sale, market.leo, "0.92"), market.tara)
    settlement_tasks.pay(settlement_id=fill.settlement_id)

    found = exposure(reader=olga)

    assert Settlement.objects.get().status == "settled"
    assert (found.legs, found.lps, found.clients, found.oldest_at) == ([], [], [], None)


def test_revenue_is_the_mark_up_of_the_days_trades(market: Market, olga: User) -> None:
    trade(market)

    (today,) = revenue(reader=olga, now=clock.now()).days

    assert (today.day, today.asset) == (clock.now().date(), "EUR")
    assert (today.fills, today.volume, today.markup) == (2, BOUGHT + SOLD, Decimal("20.61") + Decimal("9.50"))
    # 19 pips of 0.92 on either side
    assert today.spread_bps is not None
    assert round(today.spread_bps, 4) == Decimal("20.6522")
    assert today.reference_bps == min(fill.spread_bps or 0 for fill in Fill.objects.all())  # the lower one of two


def test_cancelled_trades_earn_nothing_and_old_days_are_left_out(market: Market, olga: User) -> None:
    trade(market)
    now = clock.now()
    assert revenue(reader=olga, now=now + timedelta(days=29)).days != []
    assert revenue(reader=olga, now=now + timedelta(days=30)).days == []

    for settlement in Settlement.objects.all():
        factories.carry("settlement.cancel", settlement.ref)

    assert revenue(reader=olga, now=now).days == []
    assert exposure(reader=olga).number == 0


def test_exposure_costs_the_same_for_few_and_many(market: Market, olga: User) -> None:
    costs = []
    for _round in range(2):
        trade(market)
        with CaptureQueriesContext(connection) as asked:
            exposure(reader=olga)
            revenue(reader=olga, now=clock.now())
        costs.append(len(asked))

    assert costs == [5, 5]


def test_scoped_reader_sees_the_trades_of_the_clients_they_serve(market: Market, olga: User) -> None:
    trade(market)
    narrowed = factories.narrowed(olga)

    assert exposure(reader=narrowed).number == 0
    assert revenue(reader=narrowed, now=clock.now()).days == []
