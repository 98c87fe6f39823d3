"""An LP's figures, counted by hand on a small scene that the real operations make."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq import operations
from rfq.models import Quote, Rfq
from rfq.queries.scorecards import Scorecard, scorecard, scorecards
from tests import factories
from tests.factories import Market
from trading.lib import clock
from trading.lib.errors import DeskError, NotFound
from users.models import Counterparty, User

WEEK = "7d"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def quoted(rfq: Rfq, dealer: User, price: str, after_ms: int) -> Quote:
    return operations.submit_quote(
        rfq_ref=rfq.ref,
        price=Decimal(price),
        actor=dealer,
        key=factories.unique("quote"),
        now=rfq.created_at + timedelta(milliseconds=after_ms),
    )


def card_of(lp: Counterparty, reader: User, window: str = WEEK, now: datetime | None = None) -> Scorecard:
    return scorecard(lp.ref, window=window, reader=reader, now=now or clock.now())


def trade_a_little(market: Market) -> None:
    """
    Leo wins one, is tied on one, is the cover on one, passes one, is silent on one, pulls one, is refused once.

    Sizes in USDT: 20,000, 20,000, 2,000, 500, 150,000, and two asked in fiat: 10,000 EUR and one nobody prices.
    """
    won = factories.rfq(market, amount="20000", unit="USDT")
    best = quoted(won, market.leo, "0.9200", 1000)
    quoted(won, market.mina, "0.9210", 1500)
    factories.accept(best, market.tara)

    tied = factories.rfq(market, amount="20000", unit="USDT")
    first = quoted(tied, market.mina, "0.9200", 500)
    quoted(tied, market.leo, "0.9200", 2000)
    factories.accept(first, market.tara)

    covered = factories.rfq(market, amount="2000", unit="USDT")
    first = quoted(covered, market.mina, "0.9200", 500)
    quoted(covered, market.leo, "0.9292", 3000)
    factories.accept(first, market.tara)

    passed = factories.rfq(market, amount="500", unit="USDT")
    operations.pass_rfq(rfq_ref=passed.ref, actor=market.leo, now=clock.now())

    factories.rfq(market, amount="150000", unit="USDT")

    pulled = factories.rfq(market, amount="10000", unit="EUR")
    quoted(pulled, market.leo, "0.9200", 4000)
    operations.pull_quote(rfq_ref=pulled.ref, actor=market.leo, now=clock.now())

    refused = factories.rfq(market, amount="7000", unit="EUR")
    operations.cancel_rfq(rfq_ref=refused.ref, actor=market.tara, now=clock.now())
    with pytest.raises(DeskError, match="rfq_over"):
        factories.quote(refused, market.leo)


def test_figures_are_what_one_counts_by_hand(market: Market, olga: User) -> None:
    trade_a_little(market)

    card = card_of(market.meridian, olga)
    total = card.total

    assert (total.asked, total.answered, total.passes) == (7, 4, 1)
    assert (total.quotes, total.rejected, total.pulled) == (4, 1, 1)
    assert (total.contested, total.traded, total.cover, total.tied) == (3, 1, 1, 1)
    assert (round(total.response_rate or 0, 2), total.reject_rate) == (Decimal("57.14"), Decimal(20))
    assert round(total.hit_rate or 0, 2) == round(total.cover_rate or 0, 2) == Decimal("33.33")
    assert round(total.tied_rate or 0, 2) == Decimal("33.33")
    # 1000, 2000, 3000, 4000 ms
    assert total.first_p50_ms == pytest.approx(2500)
    assert total.first_p95_ms == pytest.approx(3850)
    assert total.volume == 20_000
    # 0.9219 against 0.9229: all-in prices, mark-up of 20 bps, up to a tick
    assert total.cover_bps == pytest.approx(10.8472)
    # tied by 0, and 0.9311 against 0.9219
    assert total.distance_bps == pytest.approx((0 + 92 / 0.9219) / 2)


def test_sizes_are_told_apart_and_add_up(market: Market, olga: User) -> None:
    trade_a_little(market)

    card = card_of(market.meridian, olga)
    parts = {part.bucket: part.figures for part in card.parts}

    assert [part.bucket for part in card.parts] == ["small", "medium", "large", "block", "unknown"]
    assert {part.pair for part in card.parts} == {"USDT/EUR"}
    assert {name: figures.asked for name, figures in parts.items()} == {
        "small": 1,
        "medium": 1,
        "large": 3,  # 10,000 EUR at an all-in price of 0.9219 are 10,847 USDT
        "block": 1,
        "unknown": 1,
    }
    assert (parts["large"].answered, parts["large"].traded, parts["large"].tied) == (3, 1, 1)
    assert parts["block"].response_rate == 0
    assert parts["block"].hit_rate is None
    assert parts["small"].passes == 1
    assert parts["unknown"].rejected == 1


@pytest.mark.parametrize(("amount", "bucket"), [("999.999999", "small"), ("1000", "medium"), ("9999.999999", "medium")])
def test_a_size_begins_where_the_one_before_ends(market: Market, olga: User, amount: str, bucket: str) -> None:
    factories.rfq(market, amount=amount, unit="USDT")

    assert [part.bucket for part in card_of(market.meridian, olga).parts] == [bucket]


def test_what_was_asked_before_the_window_does_not_count(market: Market, olga: User) -> None:
    trade_a_little(market)
    later = clock.now() + timedelta(days=2)

    assert card_of(market.meridian, olga, "24h", later).total.asked == 0
    assert card_of(market.meridian, olga, "7d", later).total.asked == 7


def test_unsettled_amount_is_of_trades_that_are_not_over(market: Market, olga: User) -> None:
    trade_a_little(market)

    assert card_of(market.meridian, olga).unsettled == 20_000
    assert card_of(market.northwind, olga).unsettled == 22_000


def test_lp_that_comes_unasked_took_no_time(market: Market, olga: User) -> None:
    rfq = factories.rfq(market)
    late = factories.user("lp")
    assert late.counterparty is not None
    quoted(rfq, late, "0.92", 5000)

    total = card_of(late.counterparty, olga).total

    assert (total.asked, total.answered, total.first_p50_ms) == (1, 1, None)


def test_program_is_heard_or_silent_or_there_is_none(market: Market, olga: User) -> None:
    operations.beat(ttl_seconds=30, actor=market.leo, now=clock.now())

    assert card_of(market.meridian, olga).program == "heard"
    assert card_of(market.meridian, olga, now=clock.now() + timedelta(minutes=1)).program == "silent"
    assert card_of(market.northwind, olga).program == "none"


def test_scorecards_cost_the_same_for_few_and_many(market: Market, olga: User) -> None:
    costs = []
    for _round in range(2):
        trade_a_little(market)
        factories.counterparty("lp")
        with CaptureQueriesContext(connection) as asked:
            cards = scorecards(window=WEEK, reader=olga, now=clock.now())
        costs.append(len(asked))

    assert costs == [4, 4]
    assert len(cards) == 4


def test_scoped_reader_sees_the_lps_they_serve(market: Market, olga: User) -> None:
    narrowed = factories.narrowed(olga)

    assert scorecards(window=WEEK, reader=narrowed, now=clock.now()) == []
    with pytest.raises(NotFound):
        card_of(market.meridian, narrowed)


def test_client_has_no_scorecard(market: Market, olga: User) -> None:
    with pytest.raises(NotFound):
        card_of(market.client, olga)
