"""Without a reference nothing trades; with one, nothing trades far from it; what was judged by what is kept."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq import operations
from rfq.errors import NoReference, PriceBand
from rfq.models import Fill, Quote, ReferencePolicy, ReferenceRate, ReferenceState, Rfq
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from tests import factories
from tests.concurrency.threads import in_thread, locked, wait_for_a_waiter
from tests.factories import Market
from trading.lib import clock


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def lose(market: Market, *, status: str = "") -> None:
    """The latest reference is over, or a newer round found none."""
    now = clock.now()
    earlier = now - timedelta(seconds=2)
    if status:
        rate = ReferenceRate.objects.create(pair=market.pair, status=status, taken_at=earlier)
        ReferenceState.objects.filter(pair=market.pair).update(latest=rate)
    else:
        ReferenceRate.objects.filter(pair=market.pair).update(valid_until=now, taken_at=earlier)


def band(bps: int) -> None:
    ReferencePolicy.objects.update(band_bps=bps)


def asking(market: Market) -> Callable[[], object]:
    return lambda: factories.rfq(market)


def quoting(market: Market) -> Callable[[], object]:
    rfq = factories.rfq(market)
    return lambda: factories.quote(rfq, market.leo)


def accepting(market: Market) -> Callable[[], object]:
    quote = factories.quote(factories.rfq(market), market.leo)
    return lambda: factories.accept(quote, market.tara)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("", "the prices of its sources are too old"),
        ("stale", "the prices of its sources are too old"),
        ("missing", "too few sources give a price"),
        ("disagreeing", "its sources disagree"),
        ("absurd", "its sources jumped"),
    ],
)
@pytest.mark.parametrize("act", [asking, quoting, accepting])
def test_nothing_trades_without_a_reference(
    market: Market, act: Callable[[Market], Callable[[], object]], status: str, words: str
) -> None:
    do = act(market)
    lose(market, status=status)

    with pytest.raises(NoReference, match="no_reference") as told:
        do()

    assert words in told.value.sentence
    assert not Fill.objects.exists()
    factories.reference(market.pair)
    do()


def test_refused_rfqs_and_quotes_are_on_record(market: Market) -> None:
    rfq = factories.rfq(market)
    lose(market)
    for act in (lambda: factories.rfq(market), lambda: factories.quote(rfq, market.leo)):
        with pytest.raises(NoReference):
            act()

    assert Rfq.objects.get(status="rejected").refusal == "no_reference"
    assert Quote.objects.get(status="rejected").refusal == "no_reference"


@pytest.mark.parametrize(("price", "is_fine"), [("0.9016", 1), ("0.9384", 1), ("0.9015", 0), ("0.9385", 0)])
def test_quotes_keep_within_the_band(market: Market, price: str, *, is_fine: int) -> None:
    rfq = factories.rfq(market)
    band(200)

    if is_fine:
        assert factories.quote(rfq, market.leo, price).status == "active"
        return
    with pytest.raises(PriceBand) as told:
        factories.quote(rfq, market.leo, price)
    assert "between 0.9016 and 0.9384" in told.value.sentence
    rejected = Quote.objects.get()
    assert (rejected.status, rejected.refusal) == ("rejected", "price_band")
    assert rejected.reference is not None
    assert rejected.reference["mid"] == "0.92"


def test_a_price_however_wrong_is_refused_and_on_record(market: Market) -> None:
    with pytest.raises(PriceBand):
        factories.quote(factories.rfq(market, amount="100000000"), market.leo, "86758000")

    rejected = Quote.objects.get()
    assert (rejected.refusal, rejected.spread_bps) == ("price_band", None)


def test_quotes_and_fills_keep_what_they_were_judged_by(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo, "0.92")
    fill = factories.accept(quote, market.tara)
    latest = ReferenceRate.objects.latest("pk")

    kept = {"mid": "0.92", "taken_at": latest.taken_at.isoformat(), "sources": latest.sources}
    assert quote.reference == fill.reference == kept
    assert len(latest.sources) == 2
    assert (quote.spread_bps, fill.spread_bps, fill.lp_spread_bps) == (
        Decimal("20.6522"),  # 0.9219 is 0.0019 above 0.92
        Decimal("20.6522"),
        Decimal(0),
    )


def test_a_seller_pays_below_the_mid(market: Market) -> None:
    fill = factories.fill(market, side="sell", price="0.92")

    assert (fill.spread_bps, fill.lp_spread_bps) == (Decimal("20.6522"), Decimal(0))


def test_a_fill_keeps_the_reference_of_its_own_moment(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo, "0.92")
    later = clock.now() + timedelta(seconds=2)
    answers = [_said("one", "0.93", market, later), _said("two", "0.93", market, later)]
    operations.take_rates(answers=answers, now=later)

    fill = factories.accept(quote, market.tara)

    assert fill.reference is not None
    assert quote.reference is not None
    assert (quote.reference["mid"], fill.reference["mid"]) == ("0.92", "0.93")
    assert fill.spread_bps == Decimal("-87.0968")  # no last look: a firm quote stands though the market moved


def _said(name: str, mid: str, market: Market, at: Any) -> Any:
    return Answer(name, (Tick(market.pair.code, Decimal(mid), at),))


def test_a_reference_that_ends_while_the_accept_waits_for_a_lock_is_none(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    with locked(quote.rfq):
        waiting = in_thread(lambda: factories.accept(quote, market.tara))
        wait_for_a_waiter()
        in_thread(lambda: ReferenceRate.objects.update(valid_until=clock.now())).result()

    outcome = waiting.outcome()

    assert isinstance(outcome, NoReference)
    assert "too old" in outcome.sentence
    assert not Fill.objects.exists()
    assert Quote.objects.get(pk=quote.pk).status == "active"


def test_a_quote_by_phone_is_judged_again_when_it_becomes_firm(market: Market) -> None:
    olga = factories.user("ops")
    rfq = factories.rfq(market)
    offer = operations.Offer(rfq.ref, Decimal("0.93"), factories.unique("phone"))
    entered = operations.enter_quote(offer=offer, dealer=market.leo, actor=olga, now=clock.now())
    band(50)

    with pytest.raises(PriceBand):
        operations.confirm_quote(quote_ref=entered.ref, actor=market.leo, now=clock.now())
    lose(market)
    with pytest.raises(NoReference):
        operations.confirm_quote(quote_ref=entered.ref, actor=market.leo, now=clock.now())

    assert Quote.objects.get(pk=entered.pk).status == "entered"


def test_judging_costs_no_query_of_its_own(market: Market) -> None:
    rfq = factories.rfq(market)
    with CaptureQueriesContext(connection) as asked:
        factories.quote(rfq, market.leo)

    tables = [query["sql"] for query in asked if "rfq_reference" in query["sql"]]
    assert len(tables) == 1
    assert "FOR UPDATE" in tables[0]
