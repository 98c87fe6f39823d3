"""
A private PostgreSQL for `make run` and `make test`: two roles, loopback only, gone with its parent.

Its superuser cannot log in at all: roles and database are made before the server listens.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import psycopg

from trading.sandbox import localenv, processes, provision
from trading.sandbox.binaries import STATE, Binaries, environment, service_account
from trading.sandbox.localenv import APP_ROLE, DATABASE, LOCAL, OWNER_ROLE, SetupError

HOME = LOCAL / "postgres"
TEST_HOME = LOCAL / "postgres-test"
RIG_HOME = LOCAL / "postgres-rig"
START_SECONDS = 120  # recovery after a crash may take long
POLL_SECONDS = 0.03
FIRST_WITH_OWN_LOCALE = 17
MOST_TEST_SERVERS = 8

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m %q%u@%d ",
    "max_connections": "150",
    "shared_buffers": "64MB",
}
THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}


class Urls(NamedTuple):
    """The two addresses of one database: the owner migrates, the app role works."""

    owner: str
    app: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role that may log in; `attributes` are those of CREATE ROLE."""

    name: str
    password: str
    attributes: str = ""


def desk_roles(owner_password: str, app_password: str) -> tuple[Role, Role]:
    """The owner first: it owns the database, and may make others for tests."""
    return Role(OWNER_ROLE, owner_password, "createdb"), Role(APP_ROLE, app_password)


class Cluster:
    """One data folder and the server on it."""

    def __init__(self, home: Path, roles: tuple[Role, ...], *, throw_away: bool = False) -> None:
        self.account = service_account()
        self.binaries = Binaries(account=self.account)
        self.home = self._reachable(home)
        self.data = self.home / "data"
        self.roles = roles
        self.throw_away = throw_away
        self._lock: IO[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def claim(self, *, wait: bool = True) -> bool:
        """Keep every other process from this folder; False when another has it and we do not wait."""
        lock = (self.home / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Let others have the folder."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def prepare(self) -> None:
        """
        Make the data folder, the roles and the database, or what is missing of them.

        :raises SetupError: made by another major version of PostgreSQL, or a program failed.
        """
        self.end_leftover()
        complete = self.home / "complete"
        if self.data.exists() and complete.exists():
            found = (self.data / "PG_VERSION").read_text().strip()
            if found != str(self.binaries.major) and not self.throw_away:
                raise SetupError(
                    f"{self.data} was made by PostgreSQL {found} and this is {self.binaries.major}: name the old "
                    f"one's bin folder in PGBIN, or remove {self.home} to begin with an empty desk."
                )
            if found != str(self.binaries.major):
                complete.unlink()
        if not complete.exists():
            self._create()
            complete.touch()
        self._agree_on_passwords()

    def command(self, port: int) -> list[str]:
        """The server's command line, tethered to whoever runs it."""
        settings = {**SETTINGS, **(THROW_AWAY if self.throw_away else {}), "port": str(port)}
        options = [part for name, text in settings.items() for part in ("-c", f"{name}={text}")]
        user = ["--user", f"{self.account.uid}:{self.account.gid}"] if self.account else []
        tether = [sys.executable, "-m", "trading.sandbox.tether", "--signal", "INT", "--data", str(self.data), *user]
        return [*tether, "--", self.binaries.path("postgres"), "-D", str(self.data), *options]

    def start(self, port: int) -> None:
        """
        Start the server and wait until it answers.

        :raises SetupError: it ended, or did not answer in time; with the last lines of its log.
        """
        log_path = self.home / "log"
        with log_path.open("wb") as log:
            self._server = subprocess.Popen(
                self.command(port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=localenv.ROOT,
                start_new_session=True,
            )  # fmt: skip
        try:
            wait_ready(self.url(self.roles[0], port), while_alive=self._server)
        except SetupError as error:
            self.stop()
            last = " / ".join(log_path.read_text(errors="replace").strip().splitlines()[-3:])
            raise SetupError(f"{error} Its log ends: {last}") from None

    def stop(self) -> None:
        """Shut down without waiting for clients."""
        if self._server and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = None

    def end_leftover(self) -> None:
        """End a server on this folder that an earlier run left behind."""
        end_server(self.data)

    def server_pid(self) -> int | None:
        """The process of the server on this folder, whoever started it."""
        return server_pid(self.data)

    @staticmethod
    def url(role: Role, port: int) -> str:
        """The address of the desk's database for a role."""
        return localenv.database_url(role.name, role.password, port)

    def _reachable(self, home: Path) -> Path:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.account and not self.account.can("-x", home):
            home = _elsewhere(home)
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
            STATE.chmod(0o755)
        home.chmod(0o711 if self.account else 0o700)
        return home

    def _create(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # half-made by an interrupted start
        (self.home / "roles").unlink(missing_ok=True)
        self.data.mkdir(mode=0o700)
        if self.account:
            os.chown(self.data, self.account.uid, self.account.gid)
        plain = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        locale = plain if self.binaries.major >= FIRST_WITH_OWN_LOCALE else [f"--locale={environment()['LC_ALL']}"]
        careless = ["--no-sync"] if self.throw_away else ["--data-checksums"]
        self.binaries.run(
            "initdb", "-D", str(self.data), "-U", "postgres", "--encoding=UTF8", "--auth=reject", *locale, *careless
        )
        login = "host all postgres all reject\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(login)
        self._single(
            *(f"create role {role.name} login {role.attributes}" for role in self.roles),
            f"create database {DATABASE} owner {self.roles[0].name}",
        )

    def _agree_on_passwords(self) -> None:
        """The roles have the passwords of desk.env, also when that was made anew."""
        passwords = "\n".join(f"{role.name} {role.password}" for role in self.roles)
        digest = hashlib.sha256(passwords.encode()).hexdigest()
        known = self.home / "roles"
        if not known.exists() or known.read_text() != digest:
            self._single(*(f"alter role {role.name} password '{role.password}'" for role in self.roles))
            known.write_text(digest)

    def _single(self, *statements: str) -> None:
        script = "".join(f"{statement};\n" for statement in statements)
        self.binaries.run(
            "postgres", "--single", "-c", "exit_on_error=on", "-D", str(self.data), "postgres", text=script
        )


def server_pid(data: Path) -> int | None:
    """The process of the server on this data folder, whoever started it."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    return pid if processes.is_running(pid, str(data)) else None


def end_server(data: Path) -> None:
    """End the server on this data folder, if one runs."""
    if (pid := server_pid(data)) is not None:
        processes.end(pid, politely=signal.SIGINT, seconds=30)


def homes() -> list[Path]:
    """Every folder that a private server of this checkout has, wherever it lies."""
    named = [
        HOME,
        RIG_HOME,
        *(_test_home(number, durable=durable) for number in range(MOST_TEST_SERVERS) for durable in (False, True)),
    ]
    return [place for home in named for place in (home, _elsewhere(home)) if place.exists()]


def _test_home(number: int, *, durable: bool) -> Path:
    return TEST_HOME.with_name(f"{TEST_HOME.name}{'-durable' if durable else ''}-{number}")


def _elsewhere(home: Path) -> Path:
    """Where root keeps the folder when PostgreSQL's user cannot reach the checkout."""
    return STATE / hashlib.sha256(str(home).encode()).hexdigest()[:16]


def wait_ready(url: str, *, seconds: float = START_SECONDS, while_alive: subprocess.Popen[bytes] | None = None) -> None:
    """
    Wait until the server lets this role in.

    :raises SetupError: it has ended, refuses the role, or the time is up.
    """
    limit = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
        else:
            return
        if while_alive and while_alive.poll() is not None:
            raise SetupError(f"PostgreSQL ended with status {while_alive.returncode} while it started.")
        if time.monotonic() > limit:
            raise SetupError(f"PostgreSQL does not answer: {reason}.")
        time.sleep(POLL_SECONDS)


def desk_cluster(variables: Mapping[str, str]) -> Cluster:
    """The private server of this checkout, with the passwords of desk.env."""
    owner, app = (localenv.password_of(variables[name]) for name in ("DATABASE_OWNER_URL", "DATABASE_URL"))
    return Cluster(HOME, desk_roles(owner, app))


@contextlib.contextmanager
def for_tests(*, durable: bool = False) -> Iterator[Urls]:
    """
    A server for one run of the tests.

    The one that `DATABASE_URL` names, or a fast private one, kept between runs; a second run at the same
    time gets one of its own.

    :param durable: what is committed is on the disk, as in production: for what measures.
    """
    if localenv.given("DATABASE_URL"):
        yield Urls(*provision.from_environment())
        return
    cluster = _claim_test_cluster(durable=durable)
    try:
        port = localenv.free_port()
        _start_afresh_if_needed(cluster, port)
        owner, app = cluster.roles
        yield Urls(cluster.url(owner, port), cluster.url(app, port))
    finally:
        cluster.stop()
        cluster.release()


def _claim_test_cluster(*, durable: bool) -> Cluster:
    secret = localenv.ensure()["DATABASE_APP_PASSWORD"]
    roles = desk_roles(f"{secret}-owner", f"{secret}-app")
    for number in range(MOST_TEST_SERVERS):
        cluster = Cluster(_test_home(number, durable=durable), roles, throw_away=not durable)
        if cluster.claim(wait=False):
            return cluster
    raise SetupError(f"{MOST_TEST_SERVERS} test runs hold a server each: let one end and run again.")


def _start_afresh_if_needed(cluster: Cluster, port: int) -> None:
    """What lies there may be damaged (it is written without fsync): then it is made anew."""
    try:
        cluster.prepare()
        cluster.start(port)
    except SetupError:
        (cluster.home / "complete").unlink(missing_ok=True)
        cluster.prepare()
        cluster.start(port)


def main() -> None:
    """`python -m trading.sandbox.postgres [--durable] COMMAND…`: run a command with the tests' server."""
    localenv.ensure()
    durable = sys.argv[1] == "--durable"
    with for_tests(durable=durable) as urls:
        environ = {**os.environ, "DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner}
        localenv.load(environ)
        status = subprocess.run(sys.argv[2 if durable else 1 :], env=environ, check=False).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
