"""How a worker takes jobs and reports them done: its own connections, beside those of the jobs."""

from typing import Any

from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from trading.lib.postgresql import is_heard


def build() -> PsycopgConnector:
    """
    A connector to the desk's database that asks it once for each thing it wants.

    Each is one statement, so it needs no transaction around it. The library would have begun and ended one, and asked
    whether the connection lives before: four round trips for one.
    """
    return PsycopgConnector(kwargs=connector_params("default"), configure=_commit_each, pool_factory=_pool)


def _pool(**options: Any) -> AsyncConnectionPool:
    return AsyncConnectionPool(**(options | {"check": _check}))


async def _commit_each(connection: AsyncConnection) -> None:
    await connection.set_autocommit(True)


async def _check(connection: AsyncConnection) -> None:
    """
    Have a connection replaced that the server has closed: then there is something to read, though nothing was asked.

    :raises psycopg.OperationalError: it is closed.
    """
    if is_heard(connection.fileno()):
        await AsyncConnectionPool.check_connection(connection)
