"""The record of what was done, and the seals that show when it was touched."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests import factories, jobs
from tests.concurrency.threads import at_once, in_thread
from trading.lib import clock
from users import audit, context, operations
from users.audit import Change, events_hash, seal_hash
from users.models import AuditEvent, AuditSeal, Counterparty


@pytest.fixture
def subject(db: None) -> Counterparty:
    return Counterparty.objects.create(name="Subject", kind="client")


def record(subject: Counterparty, name: str = "thing.done", **change: Any) -> AuditEvent:
    with transaction.atomic():
        return audit.record(name, actor=None, subject=subject, at=clock.now(), change=Change(**change))


def seal(minutes: float = 0) -> AuditSeal | None:
    return operations.seal_audit(now=clock.now() + timedelta(minutes=minutes))


def sealed() -> list[list[int]]:
    return list(AuditSeal.objects.order_by("number").values_list("event_ids", flat=True))


# --- what an event says ----------------------------------------------------------------------


def test_event_says_who_what_why_and_from_where(subject: Counterparty) -> None:
    actor = factories.user("ops")
    change = Change(before={"a": "1"}, after={"a": "2"}, reason="because", capability="flag.off")

    with context.origin("REQ-12345678", "192.0.2.7"), transaction.atomic():
        audit.record("thing.changed", actor=actor, subject=subject, at=factories.NOON, change=change)

    event = AuditEvent.objects.get(name="thing.changed")
    assert (event.actor, event.actor_name, event.at) == (actor, actor.username, factories.NOON)
    assert (event.subject_type, event.subject_ref) == ("counterparty", subject.ref)
    assert (event.before, event.after) == ({"a": "1"}, {"a": "2"})
    assert (event.reason, event.capability) == ("because", "flag.off")
    assert (event.request_id, event.address) == ("REQ-12345678", "192.0.2.7")


def test_event_of_the_desk_itself_has_no_actor(subject: Counterparty) -> None:
    event = record(subject)

    assert (event.actor, event.actor_name) == (None, "system")
    assert (event.request_id, event.address) == ("", None)


def test_event_is_routed_by_a_job_of_the_same_transaction(subject: Counterparty) -> None:
    record(subject)
    assert jobs.names() == ["alerting.dispatch_event"]

    with transaction.atomic():
        audit.record("thing.undone", actor=None, subject=subject, at=clock.now())
        transaction.set_rollback(True)

    assert len(jobs.names()) == 1
    assert not AuditEvent.objects.filter(name="thing.undone").exists()


# --- seals -----------------------------------------------------------------------------------


def test_events_are_sealed_in_order_each_seal_on_the_one_before(subject: Counterparty) -> None:
    first = [record(subject).pk for _ in range(3)]
    seal()
    second = [record(subject).pk for _ in range(2)]
    seal()

    assert sealed() == [first, second]
    assert seal() is None
    assert_chain_is_whole()


def test_large_backlogs_are_sealed_in_batches(subject: Counterparty) -> None:
    numbers = [record(subject).pk for _ in range(5)]

    with transaction.atomic():
        audit.seal(at=clock.now(), limit=2)
        audit.seal(at=clock.now(), limit=2)
        audit.seal(at=clock.now(), limit=2)

    assert sealed() == [numbers[:2], numbers[2:4], numbers[4:]]


@pytest.fixture
def late_event(subject: Counterparty) -> Any:
    """An event whose id was drawn before another's, and which commits after that one was sealed."""
    drawn, commit = threading.Event(), threading.Event()

    def slowly() -> int:
        with transaction.atomic():
            event = audit.record("thing.late", actor=None, subject=subject, at=clock.now())
            drawn.set()
            assert commit.wait(10)
        return int(event.pk)

    slow = in_thread(slowly)
    assert drawn.wait(5)

    def finish() -> int:
        commit.set()
        return slow.result()

    return finish


def test_event_that_commits_late_is_sealed_later(subject: Counterparty, late_event: Any) -> None:
    early = record(subject).pk
    seal()
    late = late_event()
    assert late < early

    seal()

    assert sealed() == [[early], [late]]
    assert_chain_is_whole()


def test_event_that_commits_late_is_sealed_even_after_a_long_pause(subject: Counterparty, late_event: Any) -> None:
    early = record(subject).pk
    seal()
    late = late_event()

    seal(minutes=60)  # the sealer was down for an hour

    assert sealed() == [[early], [late]]


def test_no_event_is_sealed_twice(subject: Counterparty, late_event: Any) -> None:
    early = record(subject).pk
    seal(minutes=0)
    late = late_event()
    seal(minutes=0.1)  # this seal holds only a lower id than the one before it
    newer = record(subject).pk
    seal(minutes=6)
    newest = record(subject).pk
    seal(minutes=20)

    assert seal(minutes=40) is None
    assert sealed() == [[early], [late], [newer], [newest]]


@pytest.mark.parametrize("others", [0, 1])
def test_event_sealed_by_another_meanwhile_is_not_sealed_again(
    subject: Counterparty, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    numbers = [record(subject).pk for _ in range(2)]
    if others:
        seal()
        numbers = [record(subject).pk]
    looking = audit.unsealed

    def slowly(*, limit: int) -> list[AuditEvent]:
        found = looking(limit=limit)
        monkeypatch.setattr(audit, "unsealed", looking)
        in_thread(seal).result()
        return found

    monkeypatch.setattr(audit, "unsealed", slowly)
    with pytest.raises(IntegrityError):
        seal()

    assert sealed()[others:] == [numbers]
    assert_chain_is_whole()


def test_of_four_sealers_at_once_one_seals(subject: Counterparty) -> None:
    for number in range(1, 6):
        record(subject)

        outcomes = at_once([seal] * 4)

        assert AuditSeal.objects.count() == number
        assert all(outcome is None or isinstance(outcome, AuditSeal | IntegrityError) for outcome in outcomes)
    assert_chain_is_whole()


# --- tampering -------------------------------------------------------------------------------


def broken_seals() -> list[int]:
    """The numbers of the seals that do not fit their events or the seal before them."""
    broken, previous = [], audit.GENESIS
    for one in AuditSeal.objects.order_by("number"):
        events = list(AuditEvent.objects.filter(pk__in=one.event_ids).order_by("pk"))
        body = events_hash(events)
        is_whole = (bytes(one.events_hash), bytes(one.previous_hash)) == (body, previous)
        if not is_whole or bytes(one.hash) != seal_hash(one.number, body, previous):
            broken.append(one.number)
        previous = bytes(one.hash)
    return broken


def assert_chain_is_whole() -> None:
    assert broken_seals() == []
    ids = [number for one in sealed() for number in one]
    assert sorted(ids) == sorted(AuditEvent.objects.values_list("pk", flat=True))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "tampering",
    [
        "update users_auditevent set reason = 'better' where id = (select min(id) from users_auditevent)",
        "update users_auditevent set actor_name = 'somebody' where id = (select min(id) from users_auditevent)",
        'update users_auditevent set after = \'{"amount": "1"}\' where id = (select min(id) from users_auditevent)',
        "update users_auditevent set at = at + '1 microsecond' where id = (select min(id) from users_auditevent)",
        "update users_auditevent set address = '192.0.2.8' where id = (select min(id) from users_auditevent)",
        "delete from users_auditevent where id = (select min(id) from users_auditevent)",
        "update users_auditseal set event_ids = event_ids[2:] where number = 1",
        "update users_auditseal set previous_hash = '\\x00' where number = 1",
        "delete from users_auditseal where number = 1",
    ],
)
def test_tampering_by_the_owner_shows(subject: Counterparty, owner: Any, tampering: str) -> None:
    for _ in range(2):
        record(subject, after={"amount": "10"})
        record(subject, reason="a reason")
        seal()
    assert broken_seals() == []

    for table in ("users_auditevent", "users_auditseal"):
        owner.execute(f"alter table {table} disable trigger user")
    owner.execute(tampering)
    for table in ("users_auditevent", "users_auditseal"):
        owner.execute(f"alter table {table} enable trigger user")

    assert broken_seals() != []
