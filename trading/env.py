"""Typed readers of the environment. A secret has no default: what is missing stops the start."""

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from environ import FileAwareEnv

BASE_DIR = Path(__file__).resolve().parent.parent
env = FileAwareEnv()

PRODUCTION, SANDBOX = "production", "sandbox"
SHORTEST_SECRET = 32
MAIL_SCHEMES = {"smtp", "smtp+tls", "smtp+ssl"}
MAIL_SECONDS = 30  # for each answer of the mail server
KEY_BYTES = 32  # of an Ed25519 key
SHORTEST_SILENCE = 3  # seconds
PROBES = 5  # how often TCP asks in vain before a connection is given up
FEWEST_CHARACTERS = 12  # different ones; 32 random bytes in hexadecimal have about 14
SAMPLE = re.compile(r"change.?me|insecure|example|sample|secret|password|replace|default|your[-_ ]", re.IGNORECASE)


def text(name: str, default: str = "") -> str:
    """The variable (or the content of the file that `NAME_FILE` names), stripped."""
    return str(env.str(name, default)).strip()


def flag(name: str, *, default: bool = False) -> bool:
    """A yes/no variable: 1, true, yes, on (any case) are yes."""
    return bool(env.bool(name, default))


def number(name: str, default: int = 0) -> int:
    """
    A whole number from 0.

    :raises ImproperlyConfigured: anything else.
    """
    value = text(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} is {value!r}: use a whole number from 0.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """A comma separated list."""
    return [word for part in text(name, default).split(",") if (word := part.strip())]


def objects(name: str, default: list[dict[str, object]]) -> list[dict[str, object]]:
    """
    A JSON list of objects.

    :raises ImproperlyConfigured: anything else.
    """
    value = text(name)
    if not value:
        return default
    try:
        found = json.loads(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is no JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ImproperlyConfigured(f"{name} must be a JSON list of objects: [{{…}}, {{…}}].")
    return found


def secret(name: str) -> str:
    """
    A secret of at least 32 bytes that nobody could have copied from a page.

    :raises ImproperlyConfigured: missing, too short or a sample, in one sentence that says what to do.
    """
    value = text(name)
    if fault := _fault_of(value):
        raise ImproperlyConfigured(
            f"{name} {fault}: set it to a random value, e.g. the output of `openssl rand -base64 48`, "
            f"or let `make run` make a private one."
        )
    return value


def _fault_of(value: str) -> str:
    """What is wrong with a secret; nothing if it may be one."""
    if not value:
        return "is missing"
    if len(value.encode()) < SHORTEST_SECRET:
        return f"has fewer than {SHORTEST_SECRET} bytes"
    if len(set(value)) < FEWEST_CHARACTERS or SAMPLE.search(value):
        return "looks like a sample, which everybody knows"
    return ""


def fernet_keys(name: str) -> list[str]:
    """
    Comma separated Fernet keys, the newest first; the first encrypts, all decrypt.

    :raises ImproperlyConfigured: none given, or one that is not a Fernet key.
    """
    keys = words(name)
    try:
        for key in keys:
            Fernet(key)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} holds a key that is not 32 bytes in base64: {error}") from error
    if not keys:
        raise ImproperlyConfigured(
            f"{name} is missing: set it to the output of "
            '`python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`.'
        )
    return keys


def signing_key(name: str) -> bytes:
    """
    The 32 bytes of an Ed25519 key, written in base64.

    :raises ImproperlyConfigured: missing, or something else.
    """
    if not text(name):
        raise ImproperlyConfigured(
            f"{name} is missing: set it to the output of `openssl rand -base64 32`, "
            "or let `make run` make a private one."
        )
    return _key_of(name, text(name))


def public_keys(name: str) -> list[bytes]:
    """
    Comma separated Ed25519 public keys, each 32 bytes in base64.

    :raises ImproperlyConfigured: one that is something else.
    """
    return [_key_of(name, word) for word in words(name)]


def _key_of(name: str, written: str) -> bytes:
    try:
        key = base64.b64decode(written, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"{name} holds what is not {KEY_BYTES} bytes in base64.")
    return key


def mailers(name: str) -> dict[str, dict[str, Any]]:
    """
    Django's `MAILERS` for the SMTP server at the address in `name`; empty, so that nothing is mailed, where none is.

    ``smtp+tls://user:password@host:587`` begins in clear and goes on in TLS, ``smtp+ssl://`` is TLS from the start,
    ``smtp://`` is in clear.

    :raises ImproperlyConfigured: something else.
    """
    if not text(name):
        return {}
    found = urlsplit(text(name))
    try:
        port = found.port
    except ValueError:
        port = 0
    if found.scheme not in MAIL_SCHEMES or not found.hostname or port == 0 or found.path.strip("/") or found.query:
        raise ImproperlyConfigured(
            f"{name} is no mail server: use smtp+tls://user:password@host:587, smtp+ssl://…:465 or smtp://host:25."
        )
    options: dict[str, Any] = {
        "host": found.hostname,
        "port": port,
        "username": unquote(found.username or ""),
        "password": unquote(found.password or ""),
        "use_tls": found.scheme == "smtp+tls",
        "use_ssl": found.scheme == "smtp+ssl",
        "timeout": MAIL_SECONDS,
    }
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


def choice(name: str, choices: set[str], default: str) -> str:
    """
    One of a few words.

    :raises ImproperlyConfigured: any other word.
    """
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}: use one of {', '.join(sorted(choices))}.")
    return value


def silence(name: str, default: int) -> int:
    """
    How many seconds the other side of a connection may show no sign of life.

    :raises ImproperlyConfigured: too few to tell a dead machine from a slow one.
    """
    seconds = number(name, default)
    if seconds < SHORTEST_SILENCE:
        raise ImproperlyConfigured(f"{name} is {seconds}: use {SHORTEST_SILENCE} or more.")
    return seconds


def probes(seconds: int) -> tuple[int, int]:
    """After how many quiet seconds TCP asks whether the other side is there, and every how many it asks again."""
    first = seconds // 3
    return first, max(1, (seconds - first) // PROBES)


def database(name: str, *, silence: int, options: str = "") -> dict[str, object]:
    """
    Django's settings for the PostgreSQL at the address in `name`; what the address itself says wins.

    :param silence: the seconds after which this side gives up a connection whose other side shows no sign of life, and
        a server that does not let it in. Without it a machine that is cut off waits for two hours.
    :raises ImproperlyConfigured: missing, or not PostgreSQL.
    """
    if not text(name):
        raise ImproperlyConfigured(
            f"{name} is not set: run `make run` once for a private PostgreSQL, "
            "or set it to postgresql://user:password@host:port/name."
        )
    settings: dict[str, object] = env.db_url_config(text(name))
    if not str(settings["ENGINE"]).endswith("postgresql"):
        raise ImproperlyConfigured(f"{name} must be a postgresql:// address; the desk runs on nothing else.")
    settings["ENGINE"] = "trading.lib.postgresql"
    given = settings.get("OPTIONS")
    idle, interval = probes(silence)
    patience = {"connect_timeout": silence, "tcp_user_timeout": silence * 1000}
    patience |= {"keepalives_idle": idle, "keepalives_interval": interval, "keepalives_count": PROBES}
    settings["OPTIONS"] = patience | (given if isinstance(given, dict) else {}) | {"options": options}
    return settings
