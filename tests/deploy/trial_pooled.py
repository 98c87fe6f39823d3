"""
The desk behind Debian's PgBouncer, by the very file of docs/examples (`make test-pooled`).

No part of the gate: it needs the package. Six processes trade through two connections of the server, each transaction
on whichever is free; the books are compared afterwards.
"""

import json
import os
import pwd
import shutil
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

from trading.sandbox import localenv
from trading.sandbox.bench import pace, race
from trading.sandbox.ground import Ground

ROOT = Path(settings.BASE_DIR)
TRADERS, CONNECTIONS, SECONDS = 6, 2, 4
TIMEOUTS = {"statement_timeout": "20s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "1min"}
SETTLED: LiteralString = "select count(*) from settlement_settlement where status = 'settled'"
USED: LiteralString = "select count(*) from pg_stat_activity where usename = 'desk_app'"
PLANS: LiteralString = "select count(*) from pg_prepared_statements"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with race.ground() as made:
        yield made


@pytest.fixture(scope="module")
def pooled(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address behind the pool; the role has its timeouts of its own, as docs/database.md says."""
    if PROGRAM is None:
        pytest.fail("pgbouncer is not installed: apt-get install pgbouncer")
    app = ground.cluster.roles[1]
    with psycopg.connect(ground.environment["DATABASE_URL"], autocommit=True) as session:
        for name, value in TIMEOUTS.items():
            session.execute(f"alter role current_user set {name} = '{value}'".encode())
    folder, port = tmp_path_factory.mktemp("pgbouncer"), localenv.free_port()
    users = folder / "userlist.txt"
    users.write_text(f'"{app.name}" "{app.password}"\n')
    text = (ROOT / "docs" / "examples" / "pgbouncer.ini").read_text()
    for old, new in (
        ("port=5432", f"port={ground.port}"),
        ("listen_port = 6432", f"listen_port = {port}\nunix_socket_dir ="),
        ("/etc/pgbouncer/userlist.txt", str(users)),
        ("default_pool_size = 20", f"default_pool_size = {CONNECTIONS}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (folder / "pgbouncer.ini").write_text(text)
    for place in (*folder.parents, folder, *folder.iterdir()):
        if place.is_relative_to(tmp_path_factory.getbasetemp().parent):
            place.chmod(0o755)
    user = {"user": pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else {}
    running = subprocess.Popen([PROGRAM, str(folder / "pgbouncer.ini")], **user)  # type: ignore[call-overload]
    url = ground.environment["DATABASE_URL"].replace(f":{ground.port}/", f":{port}/")
    try:
        _wait_for(url)
        yield url
    finally:
        running.terminate()
        running.wait()


def _wait_for(url: str) -> None:
    limit = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url, connect_timeout=2, options="-c lock_timeout=5s").close()
        except psycopg.OperationalError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)
        else:
            return


def test_the_roles_timeouts_hold_behind_the_pool(pooled: str) -> None:
    with psycopg.connect(pooled, options="-c statement_timeout=1") as session:
        for name, value in TIMEOUTS.items():
            (shown,) = session.execute(f"show {name}".encode()).fetchone() or ("",)
            assert shown == value, name


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
