"""The desk's programs on several hosts, reaching PostgreSQL only through the pool, kept up as a supervisor does."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from tests.crash.running import environment
from tests.deploy.network import Host
from tests.deploy.pool import Pool

WEB_PORT, THREADS = 9090, 4
LIMITS = {"API_RATE_CALLER": "100000", "API_RATE_ADDRESS": "100000"}  # one client makes all the noise
LOGS = Path(settings.BASE_DIR) / ".local" / "log" / "hosts"
WEB, WORKER, HOLDER = "web", "worker", "holder"
PAUSE_SECONDS = 0.5  # before what ended is started again
# Leaves a transaction open, or keeps a lock of its session, as a program does whose machine is cut off in the middle.
HOLDING = """
import time
from django.db import connection, transaction
with transaction.atomic() if "{kind}" == "row" else connection.cursor():
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        print(*cursor.fetchone(), flush=True)
        cursor.execute("{statement}")
        print("held", flush=True)
    time.sleep(3600)
"""


def processor_seconds(pid: int) -> float:
    """What a process and those it started have taken so far, ended ones included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it ended just now: its parent counts it from then on
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK") + sum(processor_seconds(int(one)) for one in children)


@dataclass
class Program:
    """One program on a host, and how to start it again."""

    name: str
    host: Host
    arguments: tuple[str, ...]
    environ: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    started_again: int = 0

    def start(self) -> None:
        with (LOGS / f"{self.host.name}-{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.host.command(sys.executable, *self.arguments), cwd=settings.BASE_DIR, env=self.environ,
                stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


@dataclass
class Site:
    """All programs on all hosts."""

    hosts: list[Host]
    pool: Pool
    programs: list[Program] = field(default_factory=list)

    def start_webs(self) -> None:
        """One on each host."""
        for host in self.hosts:
            bind = ("--bind", f"0.0.0.0:{WEB_PORT}", "--no-control-socket", "--workers", "1")
            threads = ("--worker-class", "gthread", "--threads", str(THREADS))
            self._start(WEB, host, ("-m", "gunicorn", "trading.wsgi", *bind, *threads), self.pool.transactions)

    def start_worker(self, host: Host, *, listens: bool) -> None:
        """One that waits for NOTIFY on a session of its own, or one that looks, and is lent connections."""
        number = len(self.of(WORKER)) + 1
        arguments = ("manage.py", "worker", *(() if listens else ("--no-listen",)))
        self._start(f"{WORKER}-{number}", host, arguments, self.pool.sessions if listens else self.pool.transactions)

    def hold(self, host: Host, kind: str, statement: str, url: str) -> int:
        """Let somebody on the host hold what the statement takes, for ever; the server's process that holds it."""
        code = HOLDING.format(kind=kind, statement=statement)
        program = Program(HOLDER, host, ("manage.py", "shell", "--no-imports", "-c", code), self._environ(url))
        program.process = subprocess.Popen(
            host.command(sys.executable, *program.arguments), cwd=settings.BASE_DIR, env=program.environ,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self.programs.append(program)
        assert program.process.stdout is not None
        with program.process.stdout as said:
            pid = int(said.readline())
            assert said.readline() == b"held\n"
        return pid

    def of(self, kind: str) -> list[Program]:
        """The programs of a kind."""
        return [program for program in self.programs if program.name.startswith(kind)]

    def end(self, kind: str) -> None:
        """End the programs of a kind in their own way."""
        ended = self.of(kind)
        self.programs = [program for program in self.programs if program not in ended]
        for program in ended:
            if program.process is not None:
                program.process.terminate()
        for program in ended:
            if program.process is not None:
                program.process.wait()

    def kill(self) -> None:
        """End everything at once."""
        for program in self.programs:
            if program.process is not None:
                program.process.kill()
                program.process.wait()
        self.programs.clear()

    def taken(self, kind: str) -> float:
        """Processor seconds of the programs of a kind so far."""
        return sum(processor_seconds(program.pid) for program in self.of(kind))

    @contextmanager
    def keeping_up(self) -> Iterator[None]:
        """Start again what ends by itself, for as long as the block lasts."""
        done = threading.Event()

        def keep_up() -> None:
            while not done.wait(PAUSE_SECONDS):
                for program in self.programs:
                    if program.name != HOLDER and program.process and program.process.poll() is not None:
                        program.started_again += 1
                        program.start()

        keeper = threading.Thread(target=keep_up)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _start(self, name: str, host: Host, arguments: tuple[str, ...], url: str) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        program = Program(name, host, arguments, self._environ(url))
        program.start()
        self.programs.append(program)

    def _environ(self, url: str) -> dict[str, str]:
        names = ",".join(["localhost", *(host.address for host in self.hosts)])
        return environment() | LIMITS | {"DATABASE_URL": url, "ALLOWED_HOSTS": names, "LOG_LEVEL": "WARNING"}
