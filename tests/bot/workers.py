"""A real worker in a thread, for as long as one test."""

import asyncio
import threading
import time
from typing import Any, Self

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.periodic import PeriodicRegistry

from tests.one_thread import in_one_thread
from trading.lib import job_connector

BUSY = """
    select exists (
        select from procrastinate_jobs job
        where status = 'doing' or status = 'todo' and (scheduled_at is null or scheduled_at <= now())
            and not exists (
                select from procrastinate_jobs first
                where first.lock = job.lock and first.id < job.id
                    and first.status = 'todo' and first.scheduled_at > now()
            )
    )
"""


class Worker:
    """Does jobs as they come; `settle` waits until none is due."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._working.cancel)
        self._thread.join(15)
        assert not self._thread.is_alive()
        if self._problem:
            raise self._problem

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until no job is due."""
        deadline = time.monotonic() + seconds
        while self._is_busy():
            assert time.monotonic() < deadline, f"still busy: {jobs_left()}"
            time.sleep(0.03)

    def _is_busy(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(BUSY)
            return bool(cursor.fetchone()[0])

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as problem:  # noqa: BLE001 - the test's thread raises it
            self._problem = problem
            self._ready.set()

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        connector = job_connector.build()
        with in_one_thread(self._loop):
            async with app.with_connector(connector).open_async() as worker_app:
                worker_app.periodic_registry = PeriodicRegistry()  # a round of no sources would judge a test's rates
                self._working = asyncio.create_task(
                    worker_app.run_worker_async(
                        concurrency=3,
                        fetch_job_polling_interval=0.05,
                        install_signal_handlers=False,
                        delete_jobs="successful",
                    )
                )
                self._ready.set()
                await asyncio.wait({self._working})
                if not self._working.cancelled() and (problem := self._working.exception()):
                    raise problem


def jobs_left() -> list[Any]:
    """What is not done: name, state, arguments."""
    with connection.cursor() as cursor:
        cursor.execute("select task_name, status, args, scheduled_at from procrastinate_jobs order by id")
        return list(cursor.fetchall())
