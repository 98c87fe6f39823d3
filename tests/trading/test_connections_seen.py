"""Whether a connection still lives is seen without asking over it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import close_old_connections, connection
from procrastinate.psycopg_connector import PsycopgConnector

from tests.probes import sql
from trading.lib import job_connector
from trading.lib.postgresql import is_heard

OWN = "select pg_backend_pid()"
ENDED = "select pg_terminate_backend(%s, 5000)"  # and wait until it has


@pytest.fixture(autouse=True)
def kept(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's own is kept, as in production."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 600)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", 1)
    connection.close()
    yield
    connection.close()


@pytest.fixture
def other(db: None) -> Iterator[psycopg.Connection]:
    """A session of the same role beside the test's."""
    parameters = connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    with psycopg.connect(**parameters, autocommit=True) as session:
        yield session


def test_a_live_one_is_used_again_and_nothing_is_asked_for_that(db: None, round_trips: Any) -> None:
    first = sql(OWN)
    with round_trips() as counted:
        close_old_connections()  # as before and after every request and job
        assert sql(OWN) == first

    assert counted.total == 1


def test_one_that_the_server_has_ended_is_replaced_before_it_is_used(other: psycopg.Connection) -> None:
    first = sql(OWN)
    other.execute(ENDED, [first])

    close_old_connections()

    assert sql(OWN) != first


def test_one_that_has_something_else_to_read_is_asked_and_kept(other: psycopg.Connection, round_trips: Any) -> None:
    first = sql(OWN)
    sql("listen anything")
    other.execute("notify anything")
    while not is_heard(connection.connection.fileno()):
        pass

    with round_trips() as counted:
        close_old_connections()
        assert sql(OWN) == first

    assert counted.total == 2


def test_a_worker_replaces_its_own_likewise(other: psycopg.Connection) -> None:
    async def numbers() -> tuple[int, int]:
        connector = job_connector.build()
        await connector.open_async()
        try:
            first = await own(connector)
            for session in connector.pool._pool:
                other.execute(ENDED, [session.info.backend_pid])
            return first, await own(connector)
        finally:
            await connector.close_async()

    async def own(connector: PsycopgConnector) -> int:
        return int((await connector.execute_query_one_async("select pg_backend_pid() as number"))["number"])

    first, second = asyncio.run(numbers())

    assert first != second
