"""Running jobs in tests, by the real worker."""

import asyncio
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.periodic import PeriodicRegistry

from tests.one_thread import in_one_thread
from trading.lib import job_connector


def run_all(*, queues: list[str] | None = None) -> None:
    """
    Run every job that is due, until none is left, on a worker's own connector.

    Nothing is deferred by the time of day: a test that wants a periodic job defers it.
    """
    asyncio.run(_work(queues))


async def _work(queues: list[str] | None) -> None:
    with in_one_thread(asyncio.get_running_loop()):
        connector = job_connector.build()
        async with app.with_connector(connector).open_async() as worker:
            worker.periodic_registry = PeriodicRegistry()
            await worker.run_worker_async(
                wait=False,
                listen_notify=False,
                install_signal_handlers=False,
                concurrency=1,
                queues=queues,  # type: ignore[arg-type]  # none is all, as its worker takes it
                delete_jobs="successful",
            )


def names(**filters: Any) -> list[str]:
    """The jobs that wait, oldest first."""
    waiting = ProcrastinateJob.objects.filter(status="todo", **filters)
    return list(waiting.order_by("pk").values_list("task_name", flat=True))


def hurry() -> None:
    """Make every waiting job due now, whenever it was to start."""
    with connection.cursor() as cursor:
        cursor.execute("update procrastinate_jobs set scheduled_at = null where status = 'todo'")


def clear(*, queue: str | None = None) -> None:
    """Forget the jobs that wait, of one queue or of all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from procrastinate_jobs where status = 'todo' and queue_name = coalesce(%s, queue_name)", [queue]
        )


def arguments(name: str) -> list[dict[str, Any]]:
    """What the waiting jobs of that name were given, oldest first."""
    waiting = ProcrastinateJob.objects.filter(status="todo", task_name=name)
    return list(waiting.order_by("pk").values_list("args", flat=True))
