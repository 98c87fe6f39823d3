"""Work that leaves an event loop shares one thread and one connection, which ends with it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

KEPT_SECONDS = 600  # as in production; elsewhere in tests a connection ends with its request or job


@contextmanager
def in_one_thread(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let everything that leaves the event loop share one thread, and so one connection, kept as in production."""
    with ThreadPoolExecutor(1, initializer=_keep_connection) as only:
        loop.set_default_executor(only)
        try:
            yield
        finally:
            only.submit(connections.close_all).result()


def _keep_connection() -> None:
    """Each thread has a connection object of its own, with settings of its own."""
    mine = connections["default"]
    mine.settings_dict = mine.settings_dict | {"CONN_MAX_AGE": KEPT_SECONDS}
