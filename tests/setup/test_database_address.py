"""How long either side of a connection to PostgreSQL waits for one that shows no sign of life."""

import socket
import time
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from trading import env

SHORTEST = env.SHORTEST_SILENCE
NAME = "DATABASE_URL"


def options_of(address: str, monkeypatch: pytest.MonkeyPatch, silence: int) -> dict[str, Any]:
    monkeypatch.setenv(NAME, address)
    found = env.database(NAME, silence=silence)["OPTIONS"]
    assert isinstance(found, dict)
    return found


def test_a_silent_side_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = options_of("postgresql://a:b@h/d", monkeypatch, 15)

    assert found["connect_timeout"] == 15
    assert found["tcp_user_timeout"] == 15_000
    assert found["keepalives_idle"] + found["keepalives_interval"] * found["keepalives_count"] == 15


def test_what_the_address_says_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    found = options_of("postgresql://a:b@h/d?keepalives_idle=60&sslmode=require", monkeypatch, 15)

    assert (int(found["keepalives_idle"]), found["sslmode"], found["connect_timeout"]) == (60, "require", 15)


@pytest.mark.parametrize("seconds", ["0", "2", "soon"])
def test_too_short_a_silence_stops_the_start(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("DATABASE_SILENCE_SECONDS", seconds)

    with pytest.raises(ImproperlyConfigured, match="DATABASE_SILENCE_SECONDS"):
        env.silence("DATABASE_SILENCE_SECONDS", 15)


def test_the_server_asks_whether_the_desk_is_still_there(db: None) -> None:
    params = connection.get_connection_params() | {"options": settings.RUNTIME_OPTIONS, "cursor_factory": None}

    with psycopg.connect(**params) as session:
        shown = [
            session.execute(f"show tcp_{name}".encode()).fetchone()
            for name in ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
        ]

    assert shown == [("5",), ("2",), ("5",), ("15000",)]


def test_a_server_that_takes_a_connection_and_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        found = options_of(f"postgresql://a:b@127.0.0.1:{mute.getsockname()[1]}/d", monkeypatch, SHORTEST)
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            psycopg.connect(f"host=127.0.0.1 port={mute.getsockname()[1]}", **found)

    assert time.monotonic() - began >= SHORTEST - 1, "it gave up because of the time, not at once"
