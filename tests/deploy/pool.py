"""Debian's PgBouncer, by the very file of docs/examples."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
from django.conf import settings

EXAMPLE = Path(settings.BASE_DIR) / "docs" / "examples" / "pgbouncer.ini"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
# As docs/database.md has the role set them, since the pool does not pass on what a program asks for.
TIMEOUTS = {"statement_timeout": "20s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "1min"}
START_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Pool:
    """Where it listens; programs that are lent a connection for a transaction, or for their whole session."""

    transactions: str
    sessions: str
    pid: int


def grant_timeouts(url: str) -> None:
    """The role of this address has its timeouts of its own."""
    with psycopg.connect(url, autocommit=True) as session:
        for name, value in TIMEOUTS.items():
            session.execute(f"alter role current_user set {name} = '{value}'".encode())


@contextmanager
def running(folder: Path, server: str, *, listen: tuple[str, int], changes: dict[str, str]) -> Iterator[Pool]:
    """
    Run it in front of the server at this address, for the address's role.

    :param folder: an empty one below pytest's own.
    :param listen: address and port.
    :param changes: other places in the example; each of them must be there.
    """
    if PROGRAM is None:
        pytest.fail("pgbouncer is not installed: apt-get install pgbouncer")
    grant_timeouts(server)
    file = _written(folder, server, listen, changes)
    user = {"user": pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else {}
    process = subprocess.Popen([PROGRAM, "-q", str(file)], **user)  # type: ignore[call-overload]
    parts = urlsplit(server)
    at = parts._replace(netloc=f"{parts.username}:{parts.password}@{listen[0]}:{listen[1]}")
    pool = Pool(at._replace(path="/desk").geturl(), at._replace(path="/desk_session").geturl(), process.pid)
    try:
        _wait_for(pool.transactions)
        yield pool
    finally:
        process.terminate()
        process.wait()


def _written(folder: Path, server: str, listen: tuple[str, int], changes: dict[str, str]) -> Path:
    parts = urlsplit(server)
    users = folder / "userlist.txt"
    users.write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n')
    places = {
        "port=5432 dbname=desk ": f"port={parts.port} dbname={parts.path[1:]} ",
        "listen_addr = 127.0.0.1": f"listen_addr = {listen[0]}",
        "listen_port = 6432": f"listen_port = {listen[1]}\nunix_socket_dir =",
        "/etc/pgbouncer/userlist.txt": str(users),
    }
    text = EXAMPLE.read_text()
    for old, new in (places | changes).items():
        assert old in text, old
        text = text.replace(old, new)
    file = folder / "pgbouncer.ini"
    file.write_text(text)
    top = next(parent for parent in folder.parents if parent.name.startswith("pytest-of-"))
    for place in (*folder.parents, folder, *folder.iterdir()):
        if place.is_relative_to(top):
            place.chmod(0o755)
    return file


def _wait_for(url: str) -> None:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2, options="-c lock_timeout=5s").close()
        except psycopg.OperationalError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)
        else:
            return
