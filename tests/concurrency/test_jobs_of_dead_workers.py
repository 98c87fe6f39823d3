"""The jobs of a worker that died run again, once, and those of the living are left alone."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connections, transaction
from procrastinate.contrib.django import app

from alerting import operations
from tests import jobs
from tests.concurrency.threads import in_thread
from tests.probes import sql
from trading import tasks

WORKER = "insert into procrastinate_workers (last_heartbeat) values (now() - make_interval(secs => %s)) returning id"
FETCH = "select id from procrastinate_fetch_job_v2(null, %s)"
FREED = "select count(*) from procrastinate_events where type = 'deferred_for_retry' and job_id = %s"


def worker(silent_seconds: float) -> int:
    """A worker that showed itself so long ago."""
    number: int = sql(WORKER, silent_seconds)
    return number


def job_of(worker_id: int, chat_id: int = 7) -> int:
    """A job that this worker has begun."""
    operations.handle_later(chat_id)
    number: int = sql(FETCH, worker_id)
    return number


def status(job: int) -> str:
    return str(sql("select status from procrastinate_jobs where id = %s", job))


def look() -> None:
    """What every worker does every five seconds."""
    tasks.retry_stalled.func(0)


def test_only_jobs_of_the_dead_run_again(db: None) -> None:
    lost = job_of(worker(silent_seconds=60), 1)
    running = job_of(worker(silent_seconds=1), 2)

    look()

    assert (status(lost), status(running)) == ("todo", "doing")


def test_job_that_a_living_worker_has_taken_meanwhile_is_left_to_it(db: None) -> None:
    lost = job_of(worker(silent_seconds=60))
    living = worker(silent_seconds=0)
    with transaction.atomic():  # somebody else frees it, and a living worker takes it, while we look
        look()
        sql(FETCH, living)
        in_thread(look).result()

    look()
    assert status(lost) == "doing"
    assert sql("select worker_id from procrastinate_jobs where id = %s", lost) == living


def test_many_who_look_at_once_free_a_job_once(db: None) -> None:
    lost = [job_of(worker(silent_seconds=60), chat) for chat in range(1, 21)]

    def looking(_number: int) -> None:
        look()
        connections.close_all()

    with ThreadPoolExecutor(8) as lookers:
        list(lookers.map(looking, range(8)))

    assert [sql(FREED, job) for job in lost] == [1] * 20


def test_job_of_which_one_may_wait_makes_room_for_the_one_that_does(db: None) -> None:
    dead = worker(silent_seconds=60)
    app.configure_task("rfq.take_rates").defer(timestamp=0)
    taken = sql(FETCH, dead)
    app.configure_task("rfq.take_rates").defer(timestamp=5)
    other = job_of(dead)
    assert sql(FETCH, worker(silent_seconds=0)) is None, "the dead one's lock holds up the next"

    look()

    assert sql("select count(*) from procrastinate_jobs where id = %s", taken) == 0
    assert status(other) == "todo"
    assert jobs.names() == ["rfq.take_rates", "alerting.handle_chat"]
