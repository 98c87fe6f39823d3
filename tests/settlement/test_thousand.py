"""A thousand trades with the flag off: recorded, counted, told once; on again, they go out batch by batch."""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from alerting.evaluating import evaluate
from alerting.models import Alert, AlertNotice, AlertTally
from rfq import operations as rfq_operations
from rfq.models import Quote
from settlement import autosettle, operations, tasks
from settlement.models import Balance, Settlement, SettlementTransition
from tests import factories, jobs
from tests.concurrency.threads import at_once, in_thread
from tests.factories import Market
from tests.factories.many import quoted
from tests.settlement.test_releasing import RunMoney
from trading.lib import clock
from users.models import AuditEvent

ACCEPTS, CONNECTIONS, STUCK, BATCH = 1_000, 8, 10, 50


@pytest.fixture
def market(db: None) -> Market:
    made = factories.market(flag_on=False)
    jobs.clear()  # the client's deposits asked to look what they fund
    return made


def accept_all(market: Market, quotes: list[Quote]) -> None:
    """By the real operation, over several connections."""

    def accept(mine: list[Quote]) -> None:
        for quote in mine:
            rfq_operations.accept_quote(quote_ref=quote.ref, actor=market.tara, key=quote.ref, now=clock.now())

    outcomes = at_once([partial(accept, quotes[each::CONNECTIONS]) for each in range(CONNECTIONS)], timeout=900)
    assert outcomes == [None] * CONNECTIONS


def states() -> Counter[tuple[str, str]]:
    return Counter(Settlement.objects.values_list("status", "reason"))


def held(market: Market) -> int:
    """Cents of the client that are held."""
    return int(Balance.objects.get(account__counterparty=market.client, account__asset="EUR").held)


def test_thousand_accepts_with_the_flag_off_then_on_and_the_backlog(
    market: Market, client: Any, run_money: RunMoney
) -> None:
    gone = factories.address(market.client)
    quotes = quoted(market, STUCK, to=gone) + quoted(market, ACCEPTS - STUCK)

    accepted_while_somebody_looks(market, quotes)
    they_are_recorded_and_nothing_is_queued_that_pays(market, client)
    they_were_told_once_and_are_told_again_after_the_window()

    factories.turn_flag_on()
    run_money()
    assert operations.sweep(now=clock.now()) == 0
    tasks.resume_blocked(timestamp=0)
    assert states() == {("flagged_off", "auto_settlement_off"): ACCEPTS}, "nothing moves by itself"

    operations.end_address(ref=gone.ref, actor=factories.founders()[0], reason=factories.REASON, now=clock.now())
    for batch in (1, 2):
        a_batch_goes_out(batch, run_money)
    payable = Settlement.objects.filter(destination=None).order_by("pk").values_list("status", flat=True)
    assert list(payable[: 2 * BATCH + 1]) == ["settled"] * 2 * BATCH + ["flagged_off"], "the oldest first"


def accepted_while_somebody_looks(market: Market, quotes: list[Quote]) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            evaluate(now=clock.now(), only={"flagged_off"})

    looking = in_thread(look)
    try:
        accept_all(market, quotes)
    finally:
        done.set()
    looking.result()


def they_are_recorded_and_nothing_is_queued_that_pays(market: Market, client: Any) -> None:
    assert states() == {("flagged_off", "auto_settlement_off"): ACCEPTS}
    steps = SettlementTransition.objects.values_list("from_status", "to_status", "reason")
    assert Counter(steps) == {("", "flagged_off", "auto_settlement_off"): ACCEPTS}
    assert AuditEvent.objects.filter(name="fill.booked", after__settlement_status="flagged_off").count() == ACCEPTS
    assert jobs.names(queue_name="money") == []
    assert held(market) == ACCEPTS * 100_00
    page = client.get("/metrics").content.decode()
    assert f'desk_flagged_off{{reason="auto_settlement_off"}} {ACCEPTS}.0' in page
    assert f'desk_settlement_queue_length{{state="flagged_off"}} {ACCEPTS}.0' in page
    assert 'desk_jobs{queue="money"' not in page


def they_were_told_once_and_are_told_again_after_the_window() -> None:
    evaluate(now=clock.now(), only={"flagged_off"})
    first = AlertTally.objects.get(type="flagged_off")
    assert first.told_at is not None
    assert (first.told, first.held_back_since) == (1, first.held_back)
    assert first.held_back > 0

    later = first.told_at + timedelta(seconds=900)
    at_once([partial(evaluate, now=later, only={"flagged_off"})] * CONNECTIONS)

    assert AlertNotice.objects.filter(type="flagged_off", is_held=False).count() == 2
    told = AuditEvent.objects.filter(name="alert.told").latest("pk").after
    assert (told["values"]["count"], told["held_back"], told["kind"]) == (ACCEPTS, first.held_back, "worse")
    assert Alert.objects.get(type="flagged_off").told_level == ACCEPTS


def a_batch_goes_out(number: int, run_money: RunMoney) -> None:
    """As many as were decided, each looked at again: an address that ended meanwhile is not paid."""
    factories.carry("backlog.release", autosettle.FLAG, number=BATCH)
    assert jobs.names(queue_name="money") == ["settlement.pay"] * BATCH
    told = AuditEvent.objects.filter(name="backlog.released").latest("pk").after
    assert list(told["left"].values()) == ["address_not_usable"] * STUCK

    run_money()

    assert states() == {
        ("flagged_off", "auto_settlement_off"): ACCEPTS - BATCH * number,
        ("settled", "delivered"): BATCH * number,
    }
