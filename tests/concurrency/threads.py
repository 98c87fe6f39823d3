"""Real threads with real connections of their own, each closed at the end."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep

import pytest
from django.db import connections, transaction
from django.db.models import Model

from tests.probes import sql

PATIENCE = 60  # seconds, for a busy machine


class Running[R]:
    """A function in a thread."""

    def __init__(self, function: Callable[[], R]) -> None:
        self._function = function
        self._outcome: R | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def result(self, timeout: float = PATIENCE) -> R:
        """Wait for its end; what it returned, or raise what it raised."""
        self._join(timeout)
        if self._error:
            raise self._error
        return self._outcome  # type: ignore[return-value]

    def outcome(self, timeout: float = PATIENCE) -> R | Exception:
        """Wait for its end; what it returned or raised."""
        self._join(timeout)
        return self._error or self._outcome  # type: ignore[return-value]

    def _join(self, timeout: float) -> None:
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the thread hangs"

    def _run(self) -> None:
        try:
            self._outcome = self._function()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self._error = error
        finally:
            connections.close_all()


def in_thread[R](function: Callable[[], R]) -> Running[R]:
    """Start a function in a thread with a connection of its own."""
    return Running(function)


def at_once(functions: Sequence[Callable[[], object]], *, timeout: float = 2 * PATIENCE) -> list[object]:
    """Run all at the same instant, each with its connection already open; what each returned or raised."""
    start = threading.Barrier(len(functions))

    def ready(function: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            connections["default"].ensure_connection()
            start.wait(PATIENCE)
            return function()

        return run

    running = [in_thread(ready(function)) for function in functions]
    return [thread.outcome(timeout) for thread in running]


def wait_for_a_waiter(number: int = 1) -> None:
    """Return when so many connections wait for locks that others hold; who waits first gets it first."""
    limit = monotonic() + PATIENCE
    while sql("select count(distinct pid) from pg_locks where not granted") < number:
        if monotonic() > limit:
            pytest.fail("nobody waits for a lock")
        sleep(0.01)


@contextmanager
def locked(row: Model) -> Iterator[None]:
    """Hold the row's lock, as somebody else would, until the end of the block."""
    with transaction.atomic():
        type(row)._default_manager.select_for_update(of=("self",)).get(pk=row.pk)
        yield
