"""
What this process asked of Telegram: counted in its memory by method and answer, and now and then in the database.

A process that is killed takes what it counted in the last seconds with it.
"""

import asyncio
import logging
from collections import Counter
from threading import Lock

from django.db import Error

from alerting import figures
from trading.lib import threads
from trading.lib.errors import Unavailable

log = logging.getLogger(__name__)

FIGURE = "desk_telegram_requests"
HAND_OVER_SECONDS = 5.0

_counted: Counter[figures.Labels] = Counter()
_lock = Lock()


def count(method: str, answer: str) -> None:
    """Count one request: its method of the Bot API, and the status of its answer or what kept it from coming."""
    with _lock:
        _counted[method, answer] += 1


def hand_over() -> None:
    """Add what was counted to the database's sums; what it cannot take now stays for the next time."""
    with _lock:
        taken = Counter(_counted)
        _counted.clear()
    if not taken:
        return
    try:
        figures.add(name=FIGURE, numbers=taken)
    except (Error, Unavailable):
        log.warning("%d requests to Telegram are not in the database yet", taken.total())
        with _lock:
            _counted.update(taken)


async def keep_handing_over() -> None:
    """Hand over again and again, and once more at the end. Cancel it to end."""
    try:
        while True:
            await asyncio.sleep(HAND_OVER_SECONDS)
            await threads.run(hand_over)
    finally:
        await asyncio.shield(threads.run(hand_over))
