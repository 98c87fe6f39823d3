"""
The soak (`make soak`): ten requests for a price a second, each quoted, traded and settled, for half an hour.

Webs and worker must not grow, the queue must not either, and nobody may be told of an error. What is compared are
thirds of the same run: in the first one what is loaded once is loaded. `SOAK_SECONDS` makes it shorter, to see that the
run itself works.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import mean, median
from typing import IO

import psutil
import pytest
from django.db import connection

from settlement.models import Settlement
from tests import factories
from tests.crash.running import wait_for
from tests.performance.stress_settlement import SENDERS, Desk, Run, desk, log, tell
from tests.settlement.books import books

__all__ = ["desk", "log"]

SECONDS = int(os.environ.get("SOAK_SECONDS", "1800"))
RATE = float(os.environ.get("SOAK_RATE", "10"))  # RFQs a second
WINDOW_SECONDS = 30
ON_CHAIN_EVERY = 20
GROWS_AT_MOST = 1.05  # of memory, from the second third to the last
WAITING = """
    select count(*) from procrastinate_jobs
    where status in ('todo', 'doing') and (scheduled_at is null or scheduled_at < now())
"""
FAILED = "select count(*) from procrastinate_jobs where status = 'failed'"


@dataclass(frozen=True)
class Window:
    """A stretch of the run: MiB of each program, jobs that waited at its end, requests and their times."""

    memory: dict[str, float]
    waiting: int
    requests: int
    p99_ms: int


def memory() -> dict[str, float]:
    """Resident memory of each web and worker that was started for the run, MiB."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        for name in {"gunicorn", "worker"} & set(process.cmdline()):
            found[f"{name}-{process.pid}"] = round(process.memory_info().rss / 2**20, 1)
    return found


def number(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def stretch(desk: Desk, first: int, trades: int) -> Window:
    """So many trades, each beginning when it is due."""
    run, began = Run("soak"), time.monotonic()
    with ThreadPoolExecutor(SENDERS) as senders:
        acts = [
            senders.submit(partial(desk.trade, run, began + at / RATE, on_chain=(first + at) % ON_CHAIN_EVERY == 0))
            for at in range(trades)
        ]
        for act in acts:
            act.result()
    assert set(run.answers) == {201}, run.answers
    p99 = max(run.spread(kind)["p99"] for kind in run.seconds)
    return Window(memory(), number(WAITING), sum(run.answers.values()), p99)


@pytest.fixture
def deep(desk: Desk) -> Desk:
    """Money and limits for all of it."""
    market = desk.market
    factories.set_terms(market.client, market.pair, daily_notional="100000000")
    factories.deposit(market.client, market.eur, "100000000")
    factories.turn_flag_on()
    return desk


def test_half_an_hour_of_ten_a_second(deep: Desk, log: IO[str]) -> None:
    trades = round(WINDOW_SECONDS * RATE)
    windows = []
    for count in range(max(3, SECONDS // WINDOW_SECONDS)):
        windows.append(stretch(deep, count * trades, trades))
        tell(log, window=count, load=os.getloadavg()[0], **vars(windows[-1]))
    wait_for(lambda: not Settlement.objects.exclude(status="settled").exists())

    third = len(windows) // 3
    thirds = windows[-2 * third : -third], windows[-third:]
    for name in windows[-1].memory:
        second, last = (mean(window.memory[name] for window in part) for part in thirds)
        tell(log, program=name, second_third_mib=round(second), last_third_mib=round(last))
        assert last <= second * GROWS_AT_MOST, name
    queued = [median(window.waiting for window in part) for part in thirds]
    tell(log, waiting_in_second_and_last_third=queued)
    assert queued[1] <= max(2 * queued[0], trades), "the queue grows"
    assert number(FAILED) == 0
    assert sum(books().values()) == 0
