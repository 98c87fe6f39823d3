"""Work that leaves an event loop shares one thread and one connection, which ends with it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections


@contextmanager
def in_one_thread(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let everything that leaves the event loop share one thread, and so one connection."""
    with ThreadPoolExecutor(1) as only:
        loop.set_default_executor(only)
        yield
        only.submit(connections.close_all).result()
