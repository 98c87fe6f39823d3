"""Jobs: deferred in the transaction that makes them necessary, so that both happen or neither."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from procrastinate.types import JobToDefer
from psycopg.types.json import Jsonb

from trading.lib import clock, prepared, trail
from trading.lib.rows import Insert

# Jobs to be written at the end of a batch, each with whether one that waits already will do.
type Asked = tuple[Job, bool]

_waiting: ContextVar[list[Asked] | None] = ContextVar("jobs_waiting", default=None)

# Jobs that hold a lock and have not begun. Until this transaction ends none of them can: a worker passes by rows that
# somebody holds, so what is written here is there when they look. One a worker is taking right now is not given.
NOT_BEGUN = """waiting as (
    select lock from procrastinate_jobs where status = 'todo' and lock = any(%s) for key share skip locked
)"""
WANTED = """(%s::procrastinate_job_to_defer_v1[] || array(
    select one::procrastinate_job_to_defer_v1 from unnest(%s::procrastinate_job_to_defer_v1[]) as one
    where not exists (select from waiting where waiting.lock = one.lock)
))"""


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


WRITTEN = f"with {NOT_BEGUN} select procrastinate_defer_jobs_v1({WANTED})"
TOLD = f"""
    with {{beside}}row as ({{row}}), {NOT_BEGUN}, job as (
        select procrastinate_defer_jobs_v1({WANTED} || (
            %s, %s, %s, null, null, jsonb_build_object(%s::text, row.id) || %s, null
        )::procrastinate_job_to_defer_v1) from row
    )
    select row.id, {{other}} from row, job
"""  # noqa: S608 - of the words above alone


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
    job = _job_of(name).evolve(lock=lock, scheduled_at=schedule_at, task_kwargs=trail.packed(args))
    waiting = _waiting.get()
    if waiting is None:
        _write([(job, unless_waiting)])
    else:
        waiting.append((job, unless_waiting))


def defer_told(name: str, row: Insert, argument: str, *, beside: Insert | None = None) -> tuple[int, int | None]:
    """
    Write a new row, and ask for a job that is told its id: the answer begins with it.

    One statement, which the jobs that wait in the batch go along with.

    :param beside: another new row that is written along with it; the answer ends with its id.
    :raises procrastinate.exceptions.TaskNotFound: no task has that name.
    """
    job = _job_of(name)
    waiting = _waiting.get() or []
    told: list[Any] = [job.queue, job.task_name, job.priority, argument, Jsonb(trail.packed({}))]
    parameters = [*(beside.parameters if beside else ()), *row.parameters, *_wanted(waiting), *told]
    with prepared.cursor() as cursor:
        cursor.execute(_told(row.sql, beside and beside.sql), parameters)
        written: tuple[int, int | None] = cursor.fetchone()
    waiting.clear()
    return written


@cache
def _told(row: str, beside: str | None) -> str:
    """The words of such a statement."""
    other = "(select id from beside)" if beside else "null"
    return TOLD.format(row=row, beside=f"beside as ({beside}), " if beside else "", other=other)


@cache
def _job_of(name: str) -> Job:
    """A job of that task, before it is said what it is to do."""
    return app.configure_task(name, allow_unknown=False).job


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


def _wanted(asked: Sequence[Asked]) -> tuple[list[str], list[JobToDefer], list[JobToDefer]]:
    """The locks that may do for a job, the jobs to write in any case, and those to write where no such one waits."""
    sparing: dict[str | None, Job] = {}
    for job, unless_waiting in asked:
        if unless_waiting:
            sparing.setdefault(job.lock, job)
    always = [_written(job) for job, unless_waiting in asked if not unless_waiting]
    return [str(lock) for lock in sparing], always, [_written(job) for job in sparing.values()]


def _write(asked: Sequence[Asked]) -> None:
    """Write the jobs that are wanted, in one statement."""
    with prepared.cursor() as cursor:
        cursor.execute(WRITTEN, _wanted(asked))


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
