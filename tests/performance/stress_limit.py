"""
The highest rate of requests over HTTP that is still answered in time (`make stress-limit`), with the flag off and on.

It goes up by steps, each for a while, until the slowest hundredth of a kind of request takes too long or the rate is
not kept. Beside it stand the database, the worker and whoever asks: what it finds is the whole machine's limit.
"""

from itertools import takewhile
from typing import IO

from settlement.models import Settlement
from tests import factories
from tests.crash.running import wait_for
from tests.performance.stress_settlement import Desk, Run, desk, load, log, tell

__all__ = ["desk", "log"]

RATES = (600, 1200, 1800, 2400, 3000, 3600, 4800, 6000)  # requests a minute
STEP_SECONDS = 20
LONGEST_P99 = 100  # ms
KEPT = 0.98  # of the rate


def climb(desk: Desk, log: IO[str], mode: str) -> list[int]:
    """The rates that were kept, from the lowest on; each step's figures go to the log."""

    def holds(rate: int) -> bool:
        run = load(desk, mode, rate=rate, duration=STEP_SECONDS)
        tell(log, rate=rate, p99_ms=p99(run), **run.figures())
        wait_for(lambda: not Settlement.objects.filter(status__in=["approved", "paying"]).exists())
        return p99(run) <= LONGEST_P99 and run.per_minute >= rate * KEPT

    return list(takewhile(holds, RATES))


def p99(run: Run) -> int:
    """Of the slowest kind of request, in ms."""
    return max(run.spread(kind)["p99"] for kind in run.seconds)


def test_how_many_requests_a_minute_are_answered_in_time(desk: Desk, log: IO[str]) -> None:
    load(desk, "off", duration=STEP_SECONDS)  # what is loaded once

    off = climb(desk, log, "off")
    factories.turn_flag_on()
    on = climb(desk, log, "on")

    tell(log, highest_off=max(off, default=0), highest_on=max(on, default=0))
    assert off
    assert on
