"""
A whole bot of one's own, to be measured or hurt: PostgreSQL, the sandbox's Telegram, the bot, workers.

All are processes of their own, as in production; the database keeps what it promised when its processes are killed.
Nothing here runs inside the desk: what became of things is read from the database and from the chats.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, Any, LiteralString, Self

import httpx
import psycopg
from psycopg.sql import Composed

from trading.sandbox import localenv
from trading.sandbox.ground import Ground
from trading.sandbox.localenv import LOCAL, ROOT, SetupError
from trading.sandbox.people import CROWD, FIRST_OF_CROWD
from trading.sandbox.postgres import RIG_HOME
from trading.sandbox.telegram.client import SandboxClient

HOME = LOCAL / "rig"
SAID = "procrastinate_jobs, alerting_inboundupdate, alerting_outboundmessage, alerting_livecard"
BOT, TELEGRAM, WEB = "bot", "telegram", "web"
WEB_PROCESSES = 2
COMMANDS = {BOT: ("manage.py", "bot"), TELEGRAM: ("-m", "trading.sandbox.telegram", str(HOME / "telegram"))}
RESTART_SECONDS = 30
PATIENCE = 300  # a busy machine starts a process in minutes
POLL_SECONDS = 0.02


class Rig:
    """One at a time per checkout: a second one waits. The database is kept for the next, without what was said."""

    def __init__(self, *, chats: int, workers: int = 1, fsync: bool = True) -> None:
        """Plan a desk with so many linked chats and workers; without `fsync` it is not made to survive the machine."""
        self.chats = range(FIRST_OF_CROWD, FIRST_OF_CROWD + chats)
        self.workers = [f"worker-{number}" for number in range(1, workers + 1)]
        self._fsync = fsync
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Self:
        """Make the database, its people, and their Telegram; bot and workers are started by `start`."""
        self._ground = Ground(HOME, RIG_HOME, fsync=self._fsync)
        self.cluster, self.port = self._ground.cluster, self._ground.port
        try:
            shutil.rmtree(HOME / "telegram", ignore_errors=True)
            self._ground.open(self._places())
            self._environment = self._ground.environment
            self._forget_what_was_said()
            self.start(TELEGRAM)
            self.telegram = SandboxClient(self.telegram_url, self.control_key)
            self.wait_for(self._telegram_answers)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self._close()

    def _places(self) -> dict[str, str]:
        secrets = self._ground.secrets
        telegram, self.web_port = localenv.free_port(), localenv.free_port()
        self.telegram_url = f"http://127.0.0.1:{telegram}"
        self.control_key, self.token = secrets["SANDBOX_CONTROL_KEY"], secrets["TELEGRAM_BOT_TOKEN"]
        return {
            "TELEGRAM_API_URL": self.telegram_url,
            "SANDBOX_TELEGRAM_URL": self.telegram_url,
            "SANDBOX_TELEGRAM_PORT": str(telegram),
            "TELEGRAM_WEBHOOK_URL": "",
            CROWD: str(len(self.chats)),
        }

    def _forget_what_was_said(self) -> None:
        with psycopg.connect(self._environment["DATABASE_OWNER_URL"], autocommit=True) as session:
            session.execute(f"truncate {SAID} cascade")

    def _telegram_answers(self) -> bool:
        try:
            return httpx.get(f"{self.telegram_url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _close(self) -> None:
        for name in reversed(list(self._running)):
            self.kill(name)
        for log in self._logs.values():
            log.close()
        if hasattr(self, "telegram"):
            self.telegram.close()
        self._ground.close()

    # Processes

    def start(self, *names: str) -> None:
        """Start the web, the bot or workers, by name."""
        for name in names:
            command = self._web() if name == WEB else COMMANDS.get(name, ("manage.py", "worker"))
            self._launch(name, *command)

    def _web(self) -> tuple[str, ...]:
        """Several processes that count together, as in production."""
        counters = HOME / "counters"
        shutil.rmtree(counters, ignore_errors=True)
        counters.mkdir()
        return (
            *("-m", "gunicorn", "trading.wsgi", "--no-control-socket", "--bind", f"127.0.0.1:{self.web_port}"),
            *("--workers", str(WEB_PROCESSES), "--worker-class", "gthread", "--threads", "2"),
            *("--env", f"PROMETHEUS_MULTIPROC_DIR={counters}", "--env", f"METRICS_TOKEN={self.control_key}"),
        )

    def kill(self, name: str) -> None:
        """Let a process end at once, with no say in it."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def end(self, name: str) -> int:
        """Let a process end in its own way; its exit status."""
        process = self._running.pop(name)
        process.terminate()
        return process.wait(PATIENCE)

    def keep_up(self) -> list[str]:
        """Start again what ended by itself, as a supervisor does; its names."""
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        self.start(*ended)
        return ended

    def pid(self, name: str) -> int:
        """The process of that name."""
        return self._running[name].pid

    def kill_database(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End PostgreSQL at once (SIGKILL: its first process alone; SIGQUIT: all of it) and start it again."""
        self.fell_database(how)
        self.raise_database()

    def fell_database(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End PostgreSQL at once, and leave it so."""
        pid = self.cluster.server_pid()
        if pid is None:
            raise SetupError("PostgreSQL does not run: there is nothing to kill.")
        os.kill(pid, how)
        self.cluster.stop()

    def raise_database(self) -> None:
        """Start PostgreSQL again."""
        limit = time.monotonic() + RESTART_SECONDS
        while True:  # what the killed one left holds its memory for a moment yet
            try:
                self.cluster.start(self.port)
            except SetupError:
                if time.monotonic() > limit:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def _launch(self, name: str, *arguments: str) -> None:
        if name not in self._logs:
            self._logs[name] = (HOME / f"{name}.log").open("wb")
        held = [sys.executable, "-m", "trading.sandbox.tether", "--signal", "KILL", "--"]
        self._running[name] = subprocess.Popen(
            [*held, sys.executable, *arguments], cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=self._logs[name], stderr=subprocess.STDOUT,
        )  # fmt: skip

    # What became of things

    def rows(self, statement: LiteralString | Composed, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Ask the database, as the desk's role. While it is away: nothing comes back."""
        try:
            with psycopg.connect(self._environment["DATABASE_URL"], autocommit=True, connect_timeout=2) as session:
                cursor = session.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            return []

    def count(self, statement: LiteralString, parameters: Sequence[object] = ()) -> int:
        """Ask the database for a number; 0 while it is away."""
        found = self.rows(statement, parameters)
        return int(found[0][0]) if found else 0

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """
        Wait until it is so, keeping the processes up meanwhile.

        :raises TimeoutError: it did not become so; the logs are in `.local/rig`.
        """
        limit = time.monotonic() + seconds
        while not condition():
            self.keep_up()
            if time.monotonic() > limit:
                raise TimeoutError(f"It did not become so in {seconds:g} s: see the logs in {HOME}.")
            time.sleep(POLL_SECONDS)
