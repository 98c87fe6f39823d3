"""
What travels with a job beside its arguments: whose request it does, which trace it belongs to.

It is packed where jobs are written (`trading.lib.jobs`) and taken out before their task is called, so no task has to
know of it. What there is to carry, the composition root registers: this module knows neither logs nor traces.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

from procrastinate.job_context import JobContext
from procrastinate.worker import Worker

ARGUMENT = "_trail"  # beside the task's own in `procrastinate_jobs.args`


class Carrier(Protocol):
    """One thing that travels along."""

    def pack(self) -> Mapping[str, str]:
        """What the job is to take with it; nothing where there is nothing."""

    def follow(self, trail: Mapping[str, str], job: str) -> AbstractContextManager[object]:
        """Be where the job came from, while it runs. `job` is its name and number."""


_carriers: list[Carrier] = []


def register(carriers: Sequence[Carrier]) -> None:
    """Let these travel with every job from now on. A second call replaces the first."""
    _carriers[:] = carriers


def packed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A job's arguments with what travels beside them."""
    trail = {name: value for carrier in _carriers for name, value in carrier.pack().items()}
    return {**arguments, ARGUMENT: trail} if trail else dict(arguments)


async def follow(call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:  # noqa: ARG001 - the library's signature
    """Run a job where it came from; every worker of the desk does (`settings.PROCRASTINATE_WORKER_DEFAULTS`)."""
    trail: Any = context.job.task_kwargs.pop(ARGUMENT, {})
    job = f"{context.job.task_name}[{context.job.id}]"
    with ExitStack() as stack:
        for carrier in _carriers:
            stack.enter_context(carrier.follow(trail, job))
        return await call_next()
