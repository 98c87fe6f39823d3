"""A job that would find nothing new is spared, and none is that somebody's words depend on."""

from typing import Any

from django.db import transaction

from alerting import operations
from tests import jobs
from tests.alerting.test_inbox import CHAT, raw, store
from tests.concurrency.threads import in_thread
from tests.probes import sql
from trading.lib import clock

FETCH = "select id from procrastinate_fetch_job_v2(null, null)"


def fetch() -> Any:
    """What a worker would take now; it has taken it then."""
    return sql(FETCH)


def test_what_comes_before_the_job_begins_needs_no_other(db: None) -> None:
    for number in range(1, 101):
        store(raw(number), raw(number + 1000, chat=8))

    assert jobs.names() == ["alerting.handle_chat"] * 2


def test_what_comes_while_the_job_runs_gets_its_own(db: None) -> None:
    store(raw(1))
    fetch()
    store(raw(2))
    store(raw(3))

    assert jobs.names() == ["alerting.handle_chat"]
    assert fetch() is None, "one at a time per chat"


def test_no_worker_begins_the_job_before_what_relies_on_it_is_there(db: None) -> None:
    store(raw(1))
    with transaction.atomic():
        operations.handle_later(CHAT)
        taken_meanwhile = in_thread(fetch).result()

    assert taken_meanwhile is None
    assert fetch() is not None
    assert jobs.names() == []


def test_job_that_a_worker_is_taking_right_now_is_not_relied_on(db: None) -> None:
    store(raw(1))
    with transaction.atomic():
        fetch()
        in_thread(lambda: store(raw(2))).result()

    assert jobs.names() == ["alerting.handle_chat"]


def test_job_for_a_later_time_is_always_written(db: None) -> None:
    store(raw(1))
    operations.handle_later(CHAT, at=clock.now())

    assert jobs.names() == ["alerting.handle_chat"] * 2


def test_jobs_of_a_rolled_back_transaction_spare_nobody(db: None) -> None:
    with transaction.atomic():
        operations.handle_later(CHAT)
        transaction.set_rollback(True)
    store(raw(1))

    assert jobs.names() == ["alerting.handle_chat"]
