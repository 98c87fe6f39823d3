"""
The desk behind Debian's PgBouncer, by the very file of docs/examples (`make test-pooled`).

No part of the gate: it needs the package. Six processes trade through two connections of the server, each transaction
on whichever is free; the books are compared afterwards.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from django.conf import settings

from tests.deploy import pool
from trading.sandbox import localenv
from trading.sandbox.bench import pace, race
from trading.sandbox.ground import Ground

ROOT = Path(settings.BASE_DIR)
TRADERS, CONNECTIONS, SECONDS = 6, 2, 4
SETTLED: LiteralString = "select count(*) from settlement_settlement where status = 'settled'"
USED: LiteralString = "select count(*) from pg_stat_activity where usename = 'desk_app'"
PLANS: LiteralString = "select count(*) from pg_prepared_statements"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with race.ground() as made:
        yield made


@pytest.fixture(scope="module")
def pooled(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address behind the pool; the role has its timeouts of its own, as docs/database.md says."""
    fewer = {"default_pool_size = 20": f"default_pool_size = {CONNECTIONS}"}
    listen = ("127.0.0.1", localenv.free_port())
    folder = tmp_path_factory.mktemp("pgbouncer")
    with pool.running(folder, ground.environment["DATABASE_URL"], listen=listen, changes=fewer) as made:
        yield made.transactions


def test_the_roles_timeouts_hold_behind_the_pool(pooled: str) -> None:
    with psycopg.connect(pooled, options="-c statement_timeout=1") as session:
        for name, value in pool.TIMEOUTS.items():
            (shown,) = session.execute(f"show {name}".encode()).fetchone() or ("",)
            assert shown == value, name


def test_a_notice_reaches_whoever_has_the_connection_or_nobody(ground: Ground, pooled: str) -> None:
    asks, other = (psycopg.connect(pooled, autocommit=True) for _ in range(2))
    with asks, other, psycopg.connect(ground.environment["DATABASE_URL"], autocommit=True) as direct:
        asks.execute("listen something")
        direct.execute("notify something")
        assert list(asks.notifies(timeout=1)) == []

        other.execute("begin")
        other.execute("select 1")
        direct.execute("notify something")
        other.execute("commit")
        assert list(asks.notifies(timeout=1)) == []
        assert len(list(other.notifies(timeout=1))) == 1
        other.execute("unlisten *")


def test_a_lock_of_a_session_outlives_whoever_took_it(ground: Ground, pooled: str) -> None:
    taken = "select pg_try_advisory_lock(77)"
    with psycopg.connect(ground.environment["DATABASE_URL"], autocommit=True) as direct:
        with psycopg.connect(pooled, autocommit=True) as leads:
            assert leads.execute(taken).fetchone() == (True,)
        assert direct.execute(taken).fetchone() == (False,)
        with psycopg.connect(pooled, autocommit=True) as somebody:
            assert somebody.execute("select pg_advisory_unlock(77)").fetchone() == (True,)


@contextmanager
def racers(environ: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that trade as soon as they are told to, all of them warm."""
    with ExitStack() as running:
        made = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "trading.sandbox.bench.ours", str(number), str(SECONDS)],
                    cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for number in range(TRADERS)
        ]  # fmt: skip
        for racer in made:
            assert racer.stdout is not None
            assert racer.stdout.readline().strip() == pace.READY
        yield made


def number(session: psycopg.Connection, statement: LiteralString) -> int:
    (found,) = session.execute(statement).fetchone() or (0,)
    return int(found)


def test_six_trade_through_two_connections(ground: Ground, pooled: str) -> None:
    behind = ground.environment | {"DATABASE_URL": pooled}
    subprocess.run([sys.executable, "-m", "trading.sandbox.bench.prepare", "1"], cwd=ROOT, env=behind, check=True)
    owner = psycopg.connect(ground.environment["DATABASE_OWNER_URL"], autocommit=True)
    with owner as session, racers(behind) as running:
        before, most = number(session, SETTLED), 0
        for racer in running:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        while any(racer.poll() is None for racer in running):
            most = max(most, number(session, USED))
            time.sleep(0.1)
        traded = [json.loads(racer.stdout.read())["lifecycles"] for racer in running if racer.stdout]
        settled = number(session, SETTLED) - before

    assert len(traded) == TRADERS
    assert min(traded) > 0
    assert settled == sum(traded)
    assert 0 < most <= CONNECTIONS
    with psycopg.connect(pooled, autocommit=True) as session:
        assert number(session, PLANS) == 0, "what one keeps in a lent session another would run"
    compared = subprocess.run([sys.executable, "manage.py", "reconcile"], cwd=ROOT, env=ground.environment, check=False)
    assert compared.returncode == 0
