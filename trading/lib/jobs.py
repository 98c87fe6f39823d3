"""Jobs: deferred in the transaction that makes them necessary, so that both happen or neither."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from procrastinate.types import JobToDefer
from psycopg.types.json import Jsonb

from trading.lib import clock, prepared, trail
from trading.lib.rows import Insert

# Jobs to be written at the end of a batch, each with whether one that waits already will do.
type Asked = tuple[Job, bool]

_waiting: ContextVar[list[Asked] | None] = ContextVar("jobs_waiting", default=None)

# Those that hold a lock and have not begun. Until this transaction ends none of them can: a worker passes by rows that
# somebody holds, so what is written here is there when they look. One a worker is taking right now is not given.
NOT_BEGUN = "select lock from procrastinate_jobs where status = 'todo' and lock = any(%s) for key share skip locked"


@dataclass(frozen=True, slots=True)
class Later:
    """When a job may start at the earliest: an instant, or a delay from now."""

    at: datetime | None = None
    seconds: float | None = None

    def instant(self) -> datetime | None:
        """The instant, or nothing for "at once"."""
        if self.seconds is not None:
            return clock.now() + timedelta(seconds=self.seconds)
        return self.at


TOLD = """
    with row as ({}), job as (
        select procrastinate_defer_jobs_v1(
            %s::procrastinate_job_to_defer_v1[] || (
                %s, %s, %s, null, null, jsonb_build_object(%s::text, row.id) || %s, null
            )::procrastinate_job_to_defer_v1
        ) from row
    )
    select row.id from row, job
"""


def defer(
    name: str, *, lock: str | None = None, later: Later | None = None, unless_waiting: bool = False, **args: Any
) -> None:
    """
    Ask a worker to run the task `name` with `args`, after this transaction has committed.

    Jobs with the same `lock` run one at a time, in the order they were deferred. Inside `batch`
    the jobs are written together at its end, in one statement. What travels with it (`trading.lib.trail`) is that of
    whoever asks; of several who are content with one job, that of the first.

    :param unless_waiting: not when a job with this lock has yet to begin: it will see all that is committed by then.
        For tasks that do whatever they find, and whose lock is theirs alone.
    :raises procrastinate.exceptions.TaskNotFound: no task has that name.
    """
    schedule_at = later.instant() if later else None
    job = app.configure_task(name, allow_unknown=False, lock=lock, schedule_at=schedule_at).job
    job = job.evolve(task_kwargs=trail.packed(args))
    waiting = _waiting.get()
    if waiting is None:
        _write([(job, unless_waiting)])
    else:
        waiting.append((job, unless_waiting))


def defer_told(name: str, row: Insert, argument: str) -> int:
    """
    Write a new row, and ask for a job that is told its id; the answer is that id.

    One statement, which the jobs that wait in the batch go along with.

    :raises procrastinate.exceptions.TaskNotFound: no task has that name.
    """
    job = app.configure_task(name, allow_unknown=False).job
    waiting = _waiting.get()
    others = _needed(waiting) if waiting else []
    with_them = [_written(one) for one in others]
    values: list[Any] = [with_them, job.queue, job.task_name, job.priority, argument, Jsonb(trail.packed({}))]
    with prepared.cursor() as cursor:
        cursor.execute(TOLD.format(row.sql), [*row.parameters, *values])
        (pk,) = cursor.fetchone()
    if waiting:
        waiting.clear()
    return int(pk)


def _written(job: Job) -> JobToDefer:
    return JobToDefer(
        queue_name=job.queue,
        task_name=job.task_name,
        priority=job.priority,
        lock=job.lock,
        queueing_lock=job.queueing_lock,
        args=Jsonb(job.task_kwargs),  # type: ignore[arg-type]  # as the library's own connector sends it
        scheduled_at=job.scheduled_at,
    )


def _needed(asked: Sequence[Asked]) -> list[Job]:
    """The jobs that no other does away with."""
    sparing = {job.lock: job for job, unless_waiting in asked if unless_waiting}
    needed = [job for job, unless_waiting in asked if not unless_waiting]
    if sparing:
        with connection.cursor() as cursor:
            cursor.execute(NOT_BEGUN, [list(sparing)])
            covered = {lock for (lock,) in cursor.fetchall()}
        needed += [job for lock, job in sparing.items() if lock not in covered]
    return needed


def _write(asked: Sequence[Asked]) -> None:
    """Write the jobs that are needed, in one statement."""
    if needed := _needed(asked):
        app.job_manager.batch_defer_jobs(jobs=needed)


@contextmanager
def batch() -> Iterator[None]:
    """Collect the jobs deferred inside and write them in one statement at the end."""
    if _waiting.get() is not None:
        yield
        return
    token = _waiting.set([])
    try:
        yield
        if asked := _waiting.get():
            _write(asked)
    finally:
        _waiting.reset(token)


@contextmanager
def savepoint() -> Iterator[None]:
    """
    Inside `batch`: when what is done inside fails, forget the jobs it asked for, as the database does its rows.

    Until then they wait by themselves: what was asked for before it may not be written inside, or it would go, too.
    """
    outer = _waiting.get()
    if outer is None:
        yield
        return
    inner: list[Asked] = []
    token = _waiting.set(inner)
    try:
        yield
    finally:
        _waiting.reset(token)
    outer.extend(inner)
