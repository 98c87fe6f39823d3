"""
The embedded default of the environment: `.local/desk.env`, private secrets made once per checkout.

Used by manage.py before Django is configured, so this module imports nothing but the standard library.
"""

import base64
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
ENV_FILE = LOCAL / "desk.env"
DATABASE = "desk"
OWNER_ROLE, APP_ROLE = "desk_owner", "desk_app"
DATABASE_NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL")
SERVER_PORTS = range(20_000, 32_000)
HEADER = "# Made by `make run` for this checkout alone; the real environment wins. Delete it for new secrets.\n"


class SetupError(Exception):
    """Something on this machine is in the way; the text says what to do, in one sentence."""


def given(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment holds the variable, or names a file that does."""
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def value(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The variable, or the content of the file that `NAME_FILE` names; empty when there is neither."""
    if path := environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return environ.get(name, "")


def read(path: Path = ENV_FILE) -> dict[str, str]:
    """The `NAME=value` lines of the file; none when it does not exist."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): text.strip() for name, _, text in pairs}


def write(variables: Mapping[str, str], path: Path = ENV_FILE) -> None:
    """Replace the file in one step, readable by its owner alone."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(HEADER + "".join(f"{name}={text}\n" for name, text in variables.items()))
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def ensure(path: Path = ENV_FILE) -> dict[str, str]:
    """Make the file, or add what a newer version of the desk needs; what is there stays as it is."""
    held = read(path)
    missing = {name: make() for name, make in _makers().items() if name not in held}
    urls = _database_urls(held)
    if missing or urls:
        write({**held, **missing, **urls}, path)
    path.chmod(0o600)
    return read(path)


def load(environ: MutableMapping[str, str] = os.environ, path: Path = ENV_FILE) -> None:
    """
    Take from the file what the environment does not say.

    Some belong together: where the environment names a database or a bot, its addresses do not come
    from the file.
    """
    left_out = set()
    if given("DATABASE_URL", environ):
        left_out |= set(DATABASE_NAMES)
    if given("TELEGRAM_BOT_TOKEN", environ):
        left_out.add("TELEGRAM_API_URL")
    for name, text in read(path).items():
        if name not in left_out and not given(name, environ):
            environ[name] = text


def is_private(environ: Mapping[str, str], path: Path = ENV_FILE) -> bool:
    """Whether the database is the private one of this checkout, or none is named."""
    return not given("DATABASE_URL", environ) or environ.get("DATABASE_URL") == read(path).get("DATABASE_URL")


def is_kept(name: str, environ: Mapping[str, str] = os.environ, path: Path = ENV_FILE) -> bool:
    """Whether the variable says what the file says: the desk itself put it there, and nobody named another."""
    return name in environ and environ[name] == read(path).get(name)


def keep(name: str, text: str, path: Path = ENV_FILE) -> None:
    """Have commands beside the desk read what it runs with; an empty text takes the variable out again."""
    held = {kept: was for kept, was in read(path).items() if kept != name}
    write({**held, name: text} if text else held, path)


def set_port(port: int, path: Path = ENV_FILE) -> dict[str, str]:
    """Keep another port for the private PostgreSQL."""
    held = read(path)
    for name, role in zip(DATABASE_NAMES, (APP_ROLE, OWNER_ROLE), strict=True):
        held[name] = database_url(role, password_of(held[name]), port)
    write(held, path)
    return held


def database_url(role: str, password: str, port: int, name: str = DATABASE) -> str:
    """The address of a database of a private server."""
    return f"postgresql://{role}:{password}@127.0.0.1:{port}/{name}"


def password_of(url: str) -> str:
    """The password in an address that `database_url` made."""
    return url.partition("://")[2].partition("@")[0].partition(":")[2]


def port_of(url: str) -> int:
    """The port in an address that `database_url` made."""
    return int(url.rpartition("@")[2].partition("/")[0].rpartition(":")[2])


def is_free(port: int) -> bool:
    """Whether a server could listen there on the loopback address now."""
    return obstacle(port) is None


def obstacle(port: int) -> OSError | None:
    """What keeps a server from listening there on the loopback address now, if anything does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
        return None


def free_port() -> int:
    """A free port below the range that outgoing connections take theirs from."""
    while not is_free(port := SERVER_PORTS.start + secrets.randbelow(len(SERVER_PORTS))):
        pass
    return port


def _database_urls(held: Mapping[str, str]) -> dict[str, str]:
    if all(name in held for name in DATABASE_NAMES):
        return {}
    port = free_port()
    return {
        name: database_url(role, secrets.token_urlsafe(24), port)
        for name, role in zip(DATABASE_NAMES, (APP_ROLE, OWNER_ROLE), strict=True)
    }


def _makers() -> dict[str, Callable[[], str]]:
    return {
        "DESK_ENV": lambda: "sandbox",
        "SECRET_KEY": lambda: secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "JWT_SECRET": lambda: secrets.token_urlsafe(48),
        "API_KEY_PEPPER": lambda: secrets.token_urlsafe(48),
        "RECEIPT_SIGNING_KEY": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_APP_PASSWORD": lambda: secrets.token_urlsafe(24),
        "AUTO_SETTLEMENT_ALLOWED": lambda: "true",
        "DESK_URL": lambda: "http://localhost:9090",
        "TELEGRAM_BOT_TOKEN": lambda: f"{secrets.randbelow(9 * 10**9) + 10**9}:{secrets.token_urlsafe(26)}",
        "TELEGRAM_API_URL": lambda: "http://127.0.0.1:9091",
        "SANDBOX_TELEGRAM_URL": lambda: "http://127.0.0.1:9091",
        "SANDBOX_EVM_PORT": lambda: str(free_port()),
        "SANDBOX_MAIL_PORT": lambda: str(free_port()),
        "SANDBOX_CONTROL_KEY": lambda: secrets.token_urlsafe(24),
        "SANDBOX_PASSWORD": lambda: secrets.token_urlsafe(12),
        "SANDBOX_TOTP_KEY": lambda: secrets.token_hex(20),
    }


def main() -> None:
    """`python -m trading.sandbox.localenv COMMAND…`: run a command with this environment; without one, only make it."""
    ensure()
    load()
    if command := sys.argv[1:]:
        os.execvp(command[0], command)


if __name__ == "__main__":
    main()
