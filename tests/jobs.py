"""Running jobs in tests, by the real worker."""

from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.periodic import PeriodicRegistry


def run_all(*, queues: list[str] | None = None) -> None:
    """
    Run every job that is due, until none is left, on a worker's own connector.

    Nothing is deferred by the time of day: a test that wants a periodic job defers it.
    """
    worker = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    worker.periodic_registry = PeriodicRegistry()
    worker.run_worker(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        concurrency=1,
        queues=queues,
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


def clear() -> None:
    """Forget the jobs that wait."""
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs where status = 'todo'")


def arguments(name: str) -> list[dict[str, Any]]:
    """What the waiting jobs of that name were given, oldest first."""
    waiting = ProcrastinateJob.objects.filter(status="todo", task_name=name)
    return list(waiting.order_by("pk").values_list("args", flat=True))
