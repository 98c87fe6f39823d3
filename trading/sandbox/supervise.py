"""Programs under supervisord: its configuration, its start and stop, and what it says of them."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from trading.sandbox import processes
from trading.sandbox.localenv import ROOT, SetupError

LONGEST_SOCKET_PATH = 100
START_SECONDS = 15
STOP_SECONDS = 40
LEFTOVER_SECONDS = 30
WITHOUT_WAITING = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    One program: started in order of `priority`, stopped in the contrary order, restarted when it ends.

    `tethered` ones bring their own tie to the supervisor (PostgreSQL does). One that ends with `final_exit` is not
    started again: it says that nothing would be different.
    """

    name: str
    command: Sequence[str]
    priority: int = 20
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    tethered: bool = False
    final_exit: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the supervisor says of a program."""

    name: str
    state: str
    pid: int
    said: str


class Supervisor:
    """One supervisord with its configuration, socket and pid files in `run` and its logs in `log`."""

    def __init__(self, run: Path, log: Path, programs: Sequence[Program]) -> None:
        self.run = run
        self.log = log
        self.programs = sorted(programs, key=lambda program: program.priority)
        self._process: subprocess.Popen[bytes] | None = None
        for folder in (run, log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        return self._process.pid if self._process else 0

    def end_leftovers(self) -> list[str]:
        """End what a killed run left; the supervisor first, for it would restart the others."""
        pids = self.run / "pids"
        pids.mkdir(mode=0o700, exist_ok=True)
        supervisor = processes.end_leftovers(self.run, seconds=LEFTOVER_SECONDS)
        return supervisor + processes.end_leftovers(pids, seconds=LEFTOVER_SECONDS)

    def start(self, environment: Mapping[str, str]) -> None:
        """
        Start the supervisor with every program still at rest.

        :raises SetupError: it does not answer, with the end of its log.
        """
        self._write()
        said = self.log / "supervisord.out"
        with said.open("wb") as out:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "trading.sandbox.tether", "--pidfile", str(self.run / "supervisord.pid")),
                    *("--", sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.configuration)),
                ],
                cwd=ROOT, env=dict(environment), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        limit = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                lines = said.read_text(errors="replace").strip().splitlines()
                raise SetupError(f"The supervisor did not start: {' / '.join(lines[-3:])} (see {self.log}).")
            time.sleep(0.05)

    def launch(self, *names: str) -> None:
        """Start programs, in order of priority, without waiting for them to be of use."""
        for program in self.programs:
            if program.name in names:
                self._call("startProcess", program.name, WITHOUT_WAITING)

    def states(self) -> list[State]:
        """
        How every program is.

        :raises OSError: the supervisor does not answer.
        """
        said = self._call("getAllProcessInfo")
        return [State(one["name"], one["statename"], one["pid"], one["description"]) for one in said]

    def running(self) -> bool:
        """Whether the supervisor itself lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop the programs, most of them at once, then the supervisor."""
        if self._process is None:
            return
        if self.running():
            last = self.programs[0].priority if self.programs else 0
            for program in self.programs:
                if program.priority > last:
                    self._try("stopProcess", program.name, WITHOUT_WAITING)
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        self.end_leftovers()
        if self.socket.parent != self.run:
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    @property
    def configuration(self) -> Path:
        """The file that supervisord reads."""
        return self.run / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """Where supervisord listens. Short: a socket's path has a limit, and checkouts can lie deep."""
        path = self.run / "supervisor.sock"
        return path if len(str(path)) < LONGEST_SOCKET_PATH else self._short_folder / "supervisor.sock"

    @cached_property
    def _short_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="usdt-desk-"))

    def _write(self) -> None:
        self.configuration.write_text(configuration(self))
        self.configuration.chmod(0o600)

    def _answers(self) -> bool:
        try:
            return bool(self._call("getSupervisorVersion"))
        except (OSError, http.client.HTTPException):
            return False

    def _try(self, method: str, *arguments: object) -> None:
        """A call whose failure changes nothing: the program has ended, or ends with the supervisor."""
        try:
            self._call(method, *arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            return

    def _call(self, method: str, *arguments: object) -> Any:
        with xmlrpc.client.ServerProxy("http://supervisor", transport=_UnixTransport(self.socket)) as server:
            return getattr(server.supervisor, method)(*arguments)


def configuration(supervisor: Supervisor) -> str:
    """The text of supervisord.conf. Secrets are not in it: programs inherit the environment."""
    owner = "user=root" if os.geteuid() == 0 else ""
    head = f"""[supervisord]
nodaemon=true
silent=true
{owner}
directory={_escaped(ROOT)}
logfile={_escaped(supervisor.log / "supervisord.log")}
logfile_maxbytes=2MB
logfile_backups=2
pidfile={_escaped(supervisor.run / "supervisord.number")}
identifier=usdt-desk

[unix_http_server]
file={_escaped(supervisor.socket)}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(supervisor, program) for program in supervisor.programs)


def _section(supervisor: Supervisor, program: Program) -> str:
    pidfile = supervisor.run / "pids" / f"{program.name}.pid"
    tether = [
        sys.executable,
        "-m",
        "trading.sandbox.tether",
        "--pidfile",
        str(pidfile),
        "--signal",
        program.stop_signal,
    ]
    words = list(program.command) if program.tethered else [*tether, "--", *program.command]
    restart = "true" if program.final_exit is None else f"unexpected\nexitcodes={program.final_exit}"
    return f"""
[program:{program.name}]
command={" ".join(f'"{_escaped(word)}"' for word in words)}
priority={program.priority}
autostart=false
autorestart={restart}
startsecs=1
startretries=1000000
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(supervisor.log / f"{program.name}.log")}
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
"""


def _escaped(text: object) -> str:
    """As supervisord's configuration wants it: % begins an expansion there."""
    return str(text).replace("%", "%%")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=STOP_SECONDS)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> _UnixConnection:
        connection = _UnixConnection(self._path)
        self._connection = (host, connection)  # the base class closes it
        return connection
