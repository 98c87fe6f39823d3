"""
A private PostgreSQL with a seeded sandbox on it, for whatever measures or hurts a desk of its own.

The database keeps what it promised when its processes are killed. It is kept for the next run.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg

from trading.sandbox import localenv
from trading.sandbox.localenv import DATABASE, ROOT, SetupError
from trading.sandbox.postgres import Cluster, desk_roles


class Ground:
    """One at a time per folder: a second one waits."""

    def __init__(self, home: Path, cluster_home: Path, *, fsync: bool = True) -> None:
        """Plan a database; without `fsync` it is not made to survive the machine."""
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.secrets = localenv.ensure(home / "desk.env")
        owner, app = (localenv.password_of(self.secrets[name]) for name in ("DATABASE_OWNER_URL", "DATABASE_URL"))
        self.cluster = Cluster(cluster_home, desk_roles(owner, app), throw_away=not fsync)
        self.port = localenv.free_port()
        self.environment: dict[str, str] = {}

    def open(self, extra: Mapping[str, str]) -> None:
        """
        Start the database and bring it to what the sandbox's seed makes.

        What is damaged, or of another version of the desk, is made anew.

        :param extra: what the desk's programs get in their environment besides.
        """
        self.cluster.claim()
        self._say_where(extra)
        try:
            self._make()
        except SetupError:
            self.cluster.stop()
            (self.cluster.home / "complete").unlink(missing_ok=True)
            self._make()

    def close(self) -> None:
        """Stop the database."""
        self.cluster.stop()
        self.cluster.release()

    def manage(self, *arguments: str) -> None:
        """
        Run a command of `manage.py`.

        :raises SetupError: it failed; with the last line it said.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SetupError(f"manage.py {arguments[0]} failed: {done.stderr.strip().splitlines()[-1]}")

    def _say_where(self, extra: Mapping[str, str]) -> None:
        owner, app = self.cluster.roles
        inherited = {name: text for name, text in os.environ.items() if not name.endswith("_FILE")}
        ours = {
            "DATABASE_URL": self.cluster.url(app, self.port),
            "DATABASE_OWNER_URL": self.cluster.url(owner, self.port),
            "REFERENCE_SOURCES": "[]",
            "LOG_LEVEL": "WARNING",
        }
        self.environment = inherited | dict(self.secrets) | ours | dict(extra)

    def _make(self) -> None:
        self.cluster.prepare()
        self.cluster.start(self.port)
        self.manage("migrate")
        with psycopg.connect(self.environment["DATABASE_OWNER_URL"], autocommit=True) as session:
            # What is committed outlives a killed server, also one that does without fsync.
            session.execute(f"alter database {DATABASE} set synchronous_commit = on")
        self.manage("seed")
