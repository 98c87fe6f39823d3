"""Leaving the event loop for the database and back."""

from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import close_old_connections


async def run[**P, R](function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function in a thread; a connection that died meanwhile is replaced, not reused."""

    def with_fresh_connection() -> R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(with_fresh_connection, thread_sensitive=False)()
