"""A settlement has the deadline it was born with; past it, it is shown as late and told once to operations."""

from datetime import timedelta

import pytest

from alerting.evaluating import evaluate
from alerting.models import OutboundMessage
from settlement import operations, policies, queries
from settlement.models import Settlement
from settlement.queries import Criteria
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.books import events
from tests.settlement.conftest import MovingClock
from trading.lib import clock
from users import operations as user_operations


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(flag_on=False)


def minutes(settlement: Settlement) -> float:
    assert settlement.due_at is not None
    return (settlement.due_at - settlement.created_at).total_seconds() / 60


def test_deadline_is_that_of_the_limits_at_birth_and_never_moves(market: Market) -> None:
    first = Settlement.objects.get(pk=factories.fill(market).settlement_id)
    limits = policies.values_of(policies.current()) | {"sla_minutes": 30}
    factories.carry("settlement_policy.change", policies.SUBJECT, **limits)
    second = Settlement.objects.get(pk=factories.fill(market).settlement_id)

    assert (minutes(first), minutes(second)) == (15, 30)
    with refused("may only change"):
        sql("update settlement_settlement set due_at = due_at + interval '1 day'")


def test_late_one_is_told_once_and_those_that_are_over_never(market: Market, time: MovingClock) -> None:
    late, cancelled = (factories.fill(market).settlement for _each in range(2))
    factories.carry("settlement.cancel", cancelled.ref)
    assert operations.tell_late(now=clock.now()) == 0
    time.advance(16 * 60)

    assert [operations.tell_late(now=clock.now()) for _each in range(2)] == [1, 0]
    assert events("settlement.late") == 1
    assert Settlement.objects.get(pk=late.pk).late_told_at is not None


def test_operations_hear_of_it(market: Market, time: MovingClock) -> None:
    olga = factories.user("ops")
    user_operations.link_telegram(user=olga, telegram_id=7501, now=clock.now())
    factories.fill(market)
    time.advance(16 * 60)
    evaluate(now=clock.now(), only={"settle_sla_missed"})
    jobs.run_all(queues=["messages"])

    told = [one.payload["text"] for one in OutboundMessage.objects.filter(chat_id=7501) if "text" in one.payload]
    assert any("Settlements are late" in one and "How many: 1" in one for one in told)


def test_list_of_the_late_ones_shows_them_alone(market: Market) -> None:
    late, over = (factories.fill(market).settlement for _each in range(2))
    factories.carry("settlement.cancel", over.ref)
    reader, now = factories.user("ops"), clock.now()

    def shown(after: timedelta) -> list[tuple[str, str]]:
        page = queries.page(Criteria(state="late"), reader=reader, now=now + after)
        return [(row.settlement.ref, row.urgency) for row in page.rows]

    assert shown(timedelta(minutes=14)) == []
    assert shown(timedelta(minutes=16)) == [(late.ref, "late")]
