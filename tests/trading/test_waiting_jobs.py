"""An event and the jobs of its operation go to the database together, and all of them or none."""

from typing import Any

import pytest
from django.db import transaction

from tests import factories, jobs
from trading.lib import clock
from trading.lib import jobs as desk_jobs
from users import audit
from users.models import AuditEvent, User


@pytest.fixture
def somebody(db: None) -> User:
    made = factories.pending_user()
    jobs.clear()
    return made


def act(who: User) -> AuditEvent:
    """What an operation does at its end: its jobs, then its event."""
    desk_jobs.defer("rfq.sweep")
    desk_jobs.defer("rfq.sweep", lock="one", unless_waiting=True)
    event = audit.record("thing.done", actor=who, subject=who, at=clock.now())
    desk_jobs.defer("jobs.heartbeat", timestamp=0)
    return event


def test_what_waits_goes_with_the_event_in_its_order(somebody: User) -> None:
    with transaction.atomic(), desk_jobs.batch():
        event = act(somebody)

    assert jobs.names() == ["rfq.sweep", "rfq.sweep", "alerting.dispatch_event", "jobs.heartbeat"]
    assert jobs.arguments("alerting.dispatch_event") == [{"event_id": event.pk}]
    assert AuditEvent.objects.get(pk=event.pk).name == "thing.done"


def test_a_job_that_another_will_do_for_is_not_written(somebody: User) -> None:
    with transaction.atomic(), desk_jobs.batch():
        act(somebody)
    with transaction.atomic(), desk_jobs.batch():
        act(somebody)

    assert jobs.names().count("rfq.sweep") == 3  # the one with a lock waits already


def test_an_event_without_anything_else_takes_one_round_trip(somebody: User, round_trips: Any) -> None:
    with transaction.atomic(), desk_jobs.batch():
        desk_jobs.defer("rfq.sweep")
        jobs.names()  # the transaction has begun
        with round_trips() as counted:
            audit.record("thing.done", actor=somebody, subject=somebody, at=clock.now())

    assert counted.total == 1


def test_nothing_of_it_stays_when_the_operation_fails(somebody: User) -> None:
    def fail() -> None:
        with transaction.atomic(), desk_jobs.batch():
            act(somebody)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert jobs.names() == []
    assert not AuditEvent.objects.filter(name="thing.done").exists()


def test_a_part_that_fails_takes_its_own_jobs_with_it_and_no_others(somebody: User) -> None:
    def fail() -> None:
        with desk_jobs.savepoint(), transaction.atomic():
            act(somebody)
            raise ZeroDivisionError

    with transaction.atomic(), desk_jobs.batch():
        desk_jobs.defer("users.seal_audit", timestamp=0)
        with pytest.raises(ZeroDivisionError):
            fail()
        with desk_jobs.savepoint(), transaction.atomic():
            desk_jobs.defer("jobs.heartbeat", timestamp=0)

    assert jobs.names() == ["users.seal_audit", "jobs.heartbeat"]
    assert not AuditEvent.objects.filter(name="thing.done").exists()
