"""An LP that fails its terms is paused by the desk itself: once, with the reason in words."""

from typing import Any

import pytest

from rfq import operations, tasks
from rfq.models import LpTerms, Quote, Rfq
from rfq.queries import judging
from tests import factories
from tests.factories import Market
from trading.lib import clock
from trading.lib.errors import DeskError
from users.models import AuditEvent

TERMS: dict[str, Any] = {
    "unsettled_cap": None,
    "pause_window": 5,
    "minimum_response_percent": 50,
    "maximum_reject_percent": None,
}


@pytest.fixture
def market(db: None) -> Market:
    made = factories.market()
    agree(made)
    return made


def agree(market: Market, **terms: int | None) -> None:
    factories.carry("lp_terms.change", market.meridian.ref, **(TERMS | terms))


def traded(market: Market, *, leo: bool) -> Rfq:
    """An RFQ that Mina wins; Leo answers it, or says nothing."""
    rfq = factories.rfq(market, side="sell", amount="500", unit="USDT")
    if leo:
        factories.quote(rfq, market.leo, "0.9100")
    factories.accept(factories.quote(rfq, market.mina, "0.9200"), market.tara)
    return rfq


def refused_late(market: Market) -> None:
    """Leo answers twice: in time, and once more when all is over."""
    rfq = traded(market, leo=True)
    with pytest.raises(DeskError, match="rfq_over"):
        factories.quote(rfq, market.leo, "0.9100")


def judge() -> None:
    tasks.judge_lps(timestamp=0)


def pauses() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(name="lp.paused"))


def test_lp_that_answers_too_little_is_paused_once_with_the_reason(market: Market) -> None:
    for leo in (True, True, False, False, False):
        traded(market, leo=leo)

    judge()
    judge()

    terms = LpTerms.objects.get(lp=market.meridian)
    assert (terms.paused_at is not None, terms.paused_by) == (True, None)
    assert terms.pause_reason == "It answered 2 of its last 5 requests; 50 % are asked for."
    (event,) = pauses()
    assert (event.actor, event.subject_ref, event.reason) == (None, market.meridian.ref, terms.pause_reason)


def test_paused_lp_quotes_no_more_and_its_quotes_are_pulled(market: Market) -> None:
    for _number in range(5):
        traded(market, leo=False)
    live = factories.quote(factories.rfq(market), market.leo)

    judge()

    assert Quote.objects.get(pk=live.pk).status == "pulled"
    with pytest.raises(DeskError, match="lp_paused"):
        factories.quote(factories.rfq(market), market.leo)


def test_lp_that_keeps_to_its_terms_goes_on(market: Market) -> None:
    for leo in (False, False, True, True, True):
        traded(market, leo=leo)

    judge()

    assert pauses() == []


def test_too_few_rfqs_prove_nothing(market: Market) -> None:
    for _number in range(4):
        traded(market, leo=False)

    judge()

    assert pauses() == []


def test_only_the_last_ones_count(market: Market) -> None:
    for leo in (False, False, False, False, True, True, True, False, False):
        traded(market, leo=leo)

    judge()

    assert pauses() == []


def test_what_is_open_or_was_taken_back_unanswered_does_not_count(market: Market) -> None:
    for _number in range(4):
        traded(market, leo=False)
    factories.rfq(market)
    gone = factories.rfq(market)
    operations.cancel_rfq(rfq_ref=gone.ref, actor=market.tara, now=clock.now())

    judge()

    assert pauses() == []


def test_lp_whose_quotes_are_refused_too_often_is_paused(market: Market) -> None:
    agree(market, minimum_response_percent=None, maximum_reject_percent=30)
    for _number in range(3):
        traded(market, leo=True)
    for _number in range(2):
        refused_late(market)
    judge()
    assert pauses() == []  # 2 of 7 quotes, which is less than 30 %

    refused_late(market)
    judge()

    (event,) = pauses()
    assert event.reason == "3 of its 8 quotes on its last 5 requests were refused; 30 % may be."


def test_refusals_that_are_the_desks_own_are_not_held_against_it(market: Market) -> None:
    agree(market, minimum_response_percent=None, maximum_reject_percent=0)
    for _number in range(4):
        traded(market, leo=True)
    rfq = factories.rfq(market, side="sell", amount="500", unit="USDT")
    operations.pause_desk(actor=factories.founders()[0], reason=factories.REASON, now=clock.now())
    with pytest.raises(DeskError, match="desk_paused"):
        factories.quote(rfq, market.leo)
    factories.carry("desk.resume", "market")
    factories.accept(factories.quote(rfq, market.mina, "0.92"), market.tara)

    judge()

    assert pauses() == []


def test_two_people_who_resume_it_give_it_a_new_start(market: Market) -> None:
    for _number in range(5):
        traded(market, leo=False)
    judge()

    factories.carry("lp.resume", market.meridian.ref)
    traded(market, leo=False)
    judge()

    assert len(pauses()) == 1


def test_lp_without_terms_and_one_that_is_paused_are_not_judged(market: Market) -> None:
    for _number in range(5):
        traded(market, leo=False)
    assert [record.lp_ref for record in judging.failing()] == [market.meridian.ref]

    operations.pause_lp(lp_ref=market.meridian.ref, actor=market.leo, reason=factories.REASON, now=clock.now())

    assert list(judging.failing()) == []
