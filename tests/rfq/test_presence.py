"""An LP's program that promises to be heard from, and falls silent."""

from datetime import timedelta

import pytest

from rfq import operations, tasks
from rfq.models import Heartbeat, Quote, Rfq
from tests import factories, jobs
from tests.concurrency.threads import in_thread, locked, wait_for_a_waiter
from tests.factories import Market
from tests.probes import sql
from trading.lib import clock
from trading.lib.errors import DeskError
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty

WATCH = "rfq.watch_heartbeat"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def beat(market: Market, *, ago: float = 0, ttl: int = 10) -> Heartbeat:
    return operations.beat(ttl_seconds=ttl, actor=market.leo, now=clock.now() - timedelta(seconds=ago))


def watch(market: Market) -> None:
    tasks.watch_heartbeat(lp_id=market.meridian.pk)


def test_first_beat_is_an_event_and_the_next_ones_are_not(market: Market) -> None:
    beat(market)
    later = beat(market, ttl=60)

    assert later.due_at is not None
    assert AuditEvent.objects.filter(name__startswith="lp.heartbeat").count() == 1
    assert jobs.names(task_name=WATCH) == [WATCH]


def test_quote_of_a_silent_program_cannot_be_accepted_before_anything_pulls_it(market: Market) -> None:
    beat(market, ago=30)
    quote = factories.quote(factories.rfq(market), market.leo)

    with pytest.raises(DeskError, match="quote_gone"):
        factories.accept(quote, market.tara)


def test_promise_broken_while_the_accept_waits_is_seen(market: Market) -> None:
    rfq = factories.rfq(market)
    quote = factories.quote(rfq, market.leo)
    beat(market, ago=9, ttl=10)

    with locked(rfq):
        waiting = in_thread(lambda: factories.accept(quote, market.tara))
        wait_for_a_waiter()
        due = Heartbeat.objects.get().due_at
        assert due is not None
        assert clock.now() < due, "the accept must have begun in time"
        sql("select pg_sleep(%s)", (due - clock.now()).total_seconds() + 0.05)

    with pytest.raises(DeskError, match="quote_gone"):
        waiting.result()


def test_silence_pulls_the_quotes_and_reopens_the_requests(market: Market) -> None:
    rfq, shared = factories.rfq(market), factories.rfq(market)
    beat(market)
    gone = [factories.quote(rfq, market.leo), factories.quote(shared, market.leo)]
    stays = factories.quote(shared, market.mina)
    Heartbeat.objects.update(due_at=clock.now() - timedelta(seconds=1))

    watch(market)

    assert [Quote.objects.get(pk=quote.pk).status for quote in gone] == ["pulled", "pulled"]
    assert Quote.objects.get(pk=stays.pk).status == "active"
    assert [Rfq.objects.get(pk=row.pk).status for row in (rfq, shared)] == ["open", "quoted"]
    event = AuditEvent.objects.get(name="lp.heartbeat_lapsed")
    assert event.after["quotes_pulled"] == 2
    assert AuditEvent.objects.filter(name="quote.pulled", after__because="heartbeat_lapsed").count() == 2
    watch(market)
    assert AuditEvent.objects.filter(name="lp.heartbeat_lapsed").count() == 1


def test_kept_promise_is_looked_at_again_when_the_next_is_due(market: Market) -> None:
    heartbeat = beat(market, ttl=60)

    watch(market)

    assert jobs.names(task_name=WATCH) == [WATCH, WATCH]
    assert not AuditEvent.objects.filter(name="lp.heartbeat_lapsed").exists()
    assert Heartbeat.objects.get().due_at == heartbeat.due_at


def test_late_beat_does_not_bring_old_quotes_back(market: Market) -> None:
    beat(market, ago=30)
    quote = factories.quote(factories.rfq(market), market.leo)

    beat(market)

    assert Quote.objects.get(pk=quote.pk).status == "pulled"
    assert AuditEvent.objects.filter(name="lp.heartbeat_lapsed").count() == 1


def test_program_that_leaves_in_good_order_takes_its_quotes_along(market: Market) -> None:
    beat(market)
    quote = factories.quote(factories.rfq(market), market.leo)

    operations.stop_beating(actor=market.leo, now=clock.now())

    assert Quote.objects.get(pk=quote.pk).status == "pulled"
    watch(market)  # the job that was waiting finds nothing to do
    assert AuditEvent.objects.filter(name="lp.heartbeat_lapsed").count() == 0
    assert factories.fill(market).lp == market.meridian


def test_who_and_what_is_refused(market: Market) -> None:
    with pytest.raises(MissingCapability):
        operations.beat(ttl_seconds=10, actor=market.tara, now=clock.now())
    for seconds in (4, 301, 0, -1):
        with pytest.raises(DeskError, match="bad_heartbeat"):
            beat(market, ttl=seconds)
    market.meridian.move(Counterparty.Status.FROZEN, at=clock.now())
    market.leo.refresh_from_db()
    with pytest.raises(DeskError, match="frozen"):
        beat(market)
    assert not Heartbeat.objects.exists()
