"""Going round for a given time: what each step took, and what the process spent."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, LiteralString, Protocol

READY = "ready"
ROUNDS_BEFORE = 20  # not measured: caches fill, statements are prepared
MILLISECONDS = 1000


class Lap(Protocol):
    """How one lifecycle tells its steps apart."""

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """Measure what is done inside, under this name."""


@dataclass(slots=True)
class Stopwatch:
    """What the steps took, in milliseconds, by name."""

    took: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, name: str) -> "_Running":
        """Measure what is done inside, under this name."""
        return _Running(self.took.setdefault(name, []))


class _Running:
    def __init__(self, into: list[float]) -> None:
        self._into = into

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_error: object) -> None:
        self._into.append((time.perf_counter() - self._began) * MILLISECONDS)


def run(lifecycle: Callable[[Lap], object], seconds: float, *, say: Callable[[LiteralString], object]) -> None:
    """
    Warm up, say so, wait for a line on standard input, go round for so long, and print what was measured as JSON.

    All processes of a race wait for the line, so that they run beside each other from the first round on.

    :param say: sends a statement by the connection that trades.
    """
    for _ in range(ROUNDS_BEFORE):
        lifecycle(Stopwatch())
    say("select pg_stat_force_next_flush()")  # the rows of these rounds are not to be taken for later ones
    print(READY, flush=True)
    sys.stdin.readline()
    watch, rounds = Stopwatch(), 0
    began, spent = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        lifecycle(watch)
        rounds += 1
    found: dict[str, Any] = {
        "lifecycles": rounds,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - spent,
        "steps": watch.took,
        "pid": os.getpid(),
    }
    print(json.dumps(found), flush=True)
