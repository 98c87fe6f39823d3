"""Jobs: deferred in the transaction that makes them necessary, so that both happen or neither."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from trading.lib import clock

_waiting: ContextVar[list[Job] | None] = ContextVar("jobs_waiting", default=None)


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


def defer(name: str, *, lock: str | None = None, later: Later | None = None, **args: Any) -> None:
    """
    Ask a worker to run the task `name` with `args`, after this transaction has committed.

    Jobs with the same `lock` run one at a time, in the order they were deferred. Inside `batch`
    the jobs are written together at its end, in one statement.

    :raises procrastinate.exceptions.TaskNotFound: no task has that name.
    """
    schedule_at = later.instant() if later else None
    job = app.configure_task(name, allow_unknown=False, lock=lock, schedule_at=schedule_at).job
    job = job.evolve(task_kwargs=args)
    waiting = _waiting.get()
    if waiting is None:
        app.job_manager.batch_defer_jobs(jobs=[job])
    else:
        waiting.append(job)


@contextmanager
def batch() -> Iterator[None]:
    """Collect the jobs deferred inside and write them in one statement at the end."""
    if _waiting.get() is not None:
        yield
        return
    token = _waiting.set([])
    try:
        yield
        if jobs := _waiting.get():
            app.job_manager.batch_defer_jobs(jobs=jobs)
    finally:
        _waiting.reset(token)


@contextmanager
def savepoint() -> Iterator[None]:
    """Inside `batch`: when what is done inside fails, forget the jobs it asked for, as the database does its rows."""
    waiting = _waiting.get()
    before = len(waiting or ())
    try:
        yield
    except BaseException:
        if waiting is not None:
            del waiting[before:]
        raise
