"""`make run`: the whole desk on this machine, from an empty checkout to a page one can trade on."""

import contextlib
import fcntl
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import httpx

from trading.sandbox import chain, localenv, mining, provision
from trading.sandbox.localenv import LOCAL, ROOT, SetupError
from trading.sandbox.postgres import Cluster, desk_cluster, wait_ready
from trading.sandbox.supervise import Program, State, Supervisor

RUN, LOG = LOCAL / "run", LOCAL / "log"
COUNTERS = RUN / "counters"  # what the web processes count together, since this start
DESK_PORT = 9090
LAST_PORT = 65_535
READY_SECONDS = 120
OPEN = "The desk is open."
LOOK_SECONDS = 1.0

Say = Callable[[str], None]


class Stopped(BaseException):
    """Somebody asked the desk to stop: Ctrl-C, SIGTERM or a closed terminal."""


@dataclass(slots=True)
class Desk:
    """One running desk: its environment, its database, its supervisor, and whether a local EVM node runs with it."""

    say: Say
    environment: dict[str, str] = field(default_factory=dict)
    owner_url: str = ""
    has_node: bool = False
    cluster: Cluster | None = None
    supervisor: Supervisor = field(default_factory=lambda: Supervisor(RUN, LOG, ()))

    def open(self) -> None:
        """
        Start everything and wait until it is of use.

        :raises SetupError: what is in the way, and what to do about it.
        """
        begun = time.monotonic()
        self.environment = environment()
        for name in self.supervisor.end_leftovers():
            self.say(f"Ended {name}, left by a run that was killed.")
        _require_port(_port(self.environment["DESK_URL"]), "DESK_PORT", "the console")
        if self.in_sandbox:
            _require_port(_port(self.environment["SANDBOX_TELEGRAM_URL"]), "SANDBOX_TELEGRAM_PORT", "the chat page")
            _require_port(int(self.environment["SANDBOX_MAIL_PORT"]), "SANDBOX_MAIL_PORT", "the sandbox's mail server")
        self._chain()
        database = self._database()
        shutil.rmtree(COUNTERS, ignore_errors=True)
        COUNTERS.mkdir()
        self.supervisor = Supervisor(RUN, LOG, [*database, *self._programs()])
        self.supervisor.start(self.environment)
        self.supervisor.launch(*(program.name for program in database))
        wait_ready(self.owner_url)
        self.say("Migrating, seeding, collecting static files: some seconds, the first time up to a minute.")
        self._manage("desk", "--prepare")
        self.supervisor.launch(*(program.name for program in self._programs()))
        self._wait_healthy()
        self.say(f"Ready after {time.monotonic() - begun:.0f} s.")

    def watch(self) -> None:
        """
        Tell what ends and comes back, until the desk is stopped.

        :raises SetupError: the supervisor itself has ended.
        """
        seen: dict[str, State] = {}
        while self.supervisor.running():
            try:
                states = self.supervisor.states()
            except OSError:
                break
            for now in states:
                before = seen.get(now.name)
                if before and before.pid and now.pid and before.pid != now.pid:
                    self.say(f"{now.name} ended and was started again; see {_short(LOG)}/{now.name}.log.")
                if now.state == "BACKOFF" and before and before.state != "BACKOFF":
                    self.say(f"{now.name} does not stay up ({now.said}); it is tried again.")
                if now.state == "EXITED" and before and before.state != "EXITED":
                    self.say(f"{now.name} has ended and stays so; {_short(LOG)}/{now.name}.log says why.")
                seen[now.name] = now if now.pid or before is None else State(now.name, now.state, before.pid, now.said)
            time.sleep(LOOK_SECONDS)
        raise SetupError(f"The supervisor ended (see {_short(LOG)}/supervisord.log): run `make run` again.")

    def close(self) -> None:
        """Stop everything; also what an unfinished start has left."""
        self.supervisor.stop()
        if self.cluster:
            self.cluster.end_leftover()
            self.cluster.release()

    def _chain(self) -> None:
        """Pay on a local EVM node where there is one, and say on what. Commands beside the desk find it in desk.env."""
        named = localenv.given("EVM_CHAINS", self.environment)
        self.has_node = self.in_sandbox and not named and chain.anvil() is not None
        if not self.has_node:
            localenv.keep("EVM_CHAINS", "")
            on = "the chains of EVM_CHAINS" if named else "the simulated chain"
            self.say(
                f"USDT is paid on {on}." + ("" if chain.anvil() else " There is no local EVM node: see bin/anvil.")
            )
            return
        port = int(self.environment["SANDBOX_EVM_PORT"])
        _require_port(port, "SANDBOX_EVM_PORT", "the local EVM node")
        self.environment["EVM_CHAINS"] = row = json.dumps([mining.row(port)])
        localenv.keep("EVM_CHAINS", row)
        self.say(f"USDT is paid on the local EVM node: anvil, chain {chain.CHAIN_ID}.")

    @property
    def in_sandbox(self) -> bool:
        """Whether the bot talks to the stand-in for Telegram (and not to the real one)."""
        return self.environment.get("TELEGRAM_API_URL") == self.environment["SANDBOX_TELEGRAM_URL"]

    def _database(self) -> list[Program]:
        """The addresses, and the program when the server is our own."""
        if not localenv.is_private(os.environ):
            self.owner_url, self.environment["DATABASE_URL"] = provision.from_environment()
            self.environment.pop("DATABASE_URL_FILE", None)
            self.say("Using the PostgreSQL of DATABASE_URL.")
            return []
        variables = localenv.ensure()
        self.cluster = desk_cluster(variables)
        self.cluster.claim()
        self.say("Preparing the private PostgreSQL.")
        self.cluster.prepare()
        port = localenv.port_of(variables["DATABASE_URL"])
        if not localenv.is_free(port):
            variables = localenv.set_port(port := localenv.free_port())
        self.owner_url, self.environment["DATABASE_URL"] = variables["DATABASE_OWNER_URL"], variables["DATABASE_URL"]
        server = Program(
            name="postgres", command=self.cluster.command(port), tethered=True,
            priority=1, stop_signal="INT", stop_seconds=30,
        )  # fmt: skip
        return [server]

    def _programs(self) -> list[Program]:
        manage = (sys.executable, str(ROOT / "manage.py"))
        bind = f"127.0.0.1:{_port(self.environment['DESK_URL'])}"
        gunicorn = (
            *(sys.executable, "-m", "gunicorn", "trading.wsgi", "--bind", bind, "--no-control-socket"),
            *("--workers", "2", "--worker-class", "gthread", "--threads", "4"),
            *("--graceful-timeout", "5", "--access-logfile", "-"),
            *("--env", f"PROMETHEUS_MULTIPROC_DIR={COUNTERS}"),
        )
        stand_ins = [
            Program(name="telegram", command=(*manage, "sandbox", "telegram"), priority=10),
            Program(name="market", command=(*manage, "sandbox", "market"), priority=40),
        ]
        node = [Program(name="chain", command=(*manage, "sandbox", "chain"), priority=10)] if self.has_node else []
        signing = tuple(f"{name}={path}" for name, path in self._keys().items())
        worker = (*(("/usr/bin/env", *signing) if signing else ()), *manage, "worker")
        return [
            *node,
            Program(name="web", command=gunicorn, priority=20),
            Program(name="worker", command=worker, priority=20, stop_seconds=20),
            Program(name="bot", command=(*manage, "bot"), priority=30, final_exit=os.EX_CONFIG),
            *(stand_ins if self.in_sandbox else []),
        ]

    def _keys(self) -> dict[str, str]:
        """Where the keys of the local wallet are: for the worker, and for the seed that makes them."""
        return {"WALLET_KEYS": str(mining.KEYS), "WALLET_PASSPHRASES": str(mining.PASSPHRASES)} if self.has_node else {}

    def _manage(self, *command: str) -> None:
        """Run a command of manage.py to its end, as the owner."""
        log = LOG / "prepare.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [sys.executable, str(ROOT / "manage.py"), *command],
                env={**self.environment, **self._keys(), "DATABASE_OWNER_URL": self.owner_url},
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
            )  # fmt: skip
        if done.returncode:
            raise SetupError(f"manage.py {command[0]} failed: {_reason_in(log)} (see {_short(log)}).")

    def _wait_healthy(self) -> None:
        limit = time.monotonic() + READY_SECONDS
        pages = [f"{self.environment['DESK_URL']}/health/ready"]
        if self.in_sandbox:
            pages.append(f"{self.environment['SANDBOX_TELEGRAM_URL']}/")
        self.say("Starting the web, the worker, the bot and the market.")
        for page in pages:
            while (fault := _fault_of(page)) is not None:
                if time.monotonic() > limit or not self.supervisor.running():
                    unwell = [
                        f"{one.name} {one.state.lower()}" for one in self.supervisor.states() if one.state != "RUNNING"
                    ]
                    raise SetupError(f"{page} is not ready ({'; '.join([fault, *unwell])}): see {_short(LOG)}.")
                time.sleep(0.1)


def run(say: Say) -> None:
    """
    Open the desk, keep it open until somebody stops it, close it.

    :raises SetupError: it could not be opened, or its supervisor ended.
    """
    with _only_one(), _stop_signals():
        desk = Desk(say)
        try:
            desk.open()
            say(welcome(desk.environment))
            desk.watch()
        except Stopped:
            say("Stopping.")
        finally:
            _ignore_signals()
            desk.close()
        say("Everything has stopped; `make run` goes on from here.")


def running_pid() -> int | None:
    """The process of the desk that runs from this checkout, if one does."""
    lock = RUN / "desk.lock"
    if not lock.exists():
        return None
    with lock.open("r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(handle.read().strip() or 0)
    return None


def welcome(settings: dict[str, str]) -> str:
    """What to open, who one can be, and how to get in."""
    console = settings["DESK_URL"]
    own = "" if localenv.is_private(settings) else "env -u DATABASE_URL "
    codes = f"from `{own}.venv/bin/python manage.py otp olga`"
    chat = settings["SANDBOX_TELEGRAM_URL"].replace("127.0.0.1", "localhost")
    return f"""
  {OPEN}

  Trade      {chat}/
             play tara (English) or navid (Persian), e.g. /rfq buy 10000 EUR, then Accept; dora is an LP
  Console    {console}/
             olga (ops), amir (approver), adele (admin), audrey (auditor)
             password {settings.get("SANDBOX_PASSWORD", "as seeded")}
             one-time code {codes}
  Logs       {_short(LOG)}/

  Ctrl-C stops everything; `make run` goes on from there.
"""


def environment() -> dict[str, str]:
    """
    What the programs see: the environment, desk.env beneath it, and the ports that were asked for.

    :raises SetupError: what was asked for is no port, or both pages would have the same.
    """
    made = {**os.environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "trading.settings"}
    localenv.load(made)
    if localenv.is_kept("EVM_CHAINS", made):
        del made["EVM_CHAINS"]  # of the run before: this one may have no node, or one at another port
    made.setdefault("DESK_REVISION", _revision())
    if port := _chosen_port("DESK_PORT"):
        made["DESK_URL"] = f"http://localhost:{port}"
    if port := _chosen_port("SANDBOX_TELEGRAM_PORT"):
        own = made.get("TELEGRAM_API_URL") == made["SANDBOX_TELEGRAM_URL"]
        made["SANDBOX_TELEGRAM_URL"] = f"http://127.0.0.1:{port}"
        if own:
            made["TELEGRAM_API_URL"] = made["SANDBOX_TELEGRAM_URL"]
    if _port(made["DESK_URL"]) == _port(made["SANDBOX_TELEGRAM_URL"]):
        raise SetupError("DESK_PORT and SANDBOX_TELEGRAM_PORT are the same: each page needs a port of its own.")
    if made.get("TELEGRAM_API_URL") == made["SANDBOX_TELEGRAM_URL"] and not localenv.given("EMAIL_URL", made):
        made["EMAIL_URL"] = f"smtp://127.0.0.1:{made['SANDBOX_MAIL_PORT']}"
    made.pop("DATABASE_OWNER_URL", None)
    made.pop("DATABASE_OWNER_URL_FILE", None)
    return made


def _revision() -> str:
    """Which commit this checkout is at, where git can tell."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def _port(url: str) -> int:
    return urlsplit(url).port or DESK_PORT


def _chosen_port(variable: str) -> int | None:
    """The port that the environment chooses; None when it leaves it to the desk."""
    if not (text := os.environ.get(variable)):
        return None
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT:
        raise SetupError(f"{variable} is {text}, which is no port: give a number from 1024 to {LAST_PORT}.")
    return int(text)


def _require_port(port: int, variable: str, use: str) -> None:
    fault = localenv.obstacle(port)
    if isinstance(fault, PermissionError):
        raise SetupError(
            f"Port {port}, meant for {use}, is not for ordinary users: choose one from 1024 up, "
            f"e.g. `{variable}={port + DESK_PORT} make run`."
        )
    if fault:
        raise SetupError(
            f"Port {port}, meant for {use}, is taken by another program: end that, or choose another port, "
            f"e.g. `{variable}={port + 100} make run`."
        )


def _fault_of(page: str) -> str | None:
    """Why the page does not answer well; None when it does."""
    try:
        answer = httpx.get(page, timeout=5)
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.is_success else f"answers {answer.status_code}: {answer.text[:200]}"


def _reason_in(log: Path) -> str:
    """The line of a log that says what went wrong: the last that speaks of an error, else the last."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"Error\b|\(\w+\.E\d+\)", line)]
    return (telling or lines or ["no message"])[-1]


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _require_own(folder: Path) -> None:
    """Root could go on in somebody else's set-up, and would leave in it what that user cannot change."""
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        name = pwd.getpwuid(owner).pw_name if owner in {one.pw_uid for one in pwd.getpwall()} else f"user {owner}"
        raise SetupError(f"The desk of this checkout is that of {name}: run it as {name}, or in a clone of your own.")


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_own(RUN)
    with (RUN / "desk.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SetupError(
                f"The desk of this checkout is already running (process {lock.read().strip()}): "
                "use it, or stop it with Ctrl-C there."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def _stop_signals() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN or number != signal.SIGHUP:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """Nobody hurries the stop: a second Ctrl-C would leave things behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
