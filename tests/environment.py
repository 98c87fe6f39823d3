"""
The environment of a test run, set before Django reads it (loaded by `-p tests.environment`).

A real PostgreSQL with both roles: the one that `DATABASE_URL` names, or a private one.
"""

import base64
import os
import secrets
from contextlib import ExitStack

import pytest
from cryptography.fernet import Fernet

from trading.sandbox import localenv, postgres

_running = ExitStack()
IS_PRIVATE = not localenv.given("DATABASE_URL")  # the server is this checkout's own, kept between runs

FIXED = {
    "DJANGO_SETTINGS_MODULE": "trading.settings",
    "DESK_ENV": "sandbox",
    "DEBUG": "false",
    "DESK_URL": "http://localhost:9090",
    "AUTO_SETTLEMENT_ALLOWED": "true",
    "TELEGRAM_BOT_TOKEN": "1234567890:tests-tests-tests-tests-tests-test",
    "TELEGRAM_API_URL": "http://127.0.0.1:9",  # the discard port: whoever wants an answer starts a server
    "REFERENCE_SOURCES": "[]",  # tests say what a pair is worth (tests.factories)
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "WARNING",
}


def _start() -> None:
    try:
        urls = _running.enter_context(postgres.for_tests())
    except localenv.SetupError as error:
        pytest.exit(f"No database to test on: {error}", returncode=4)
    secret = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "JWT_SECRET": secrets.token_urlsafe(48),
        "API_KEY_PEPPER": secrets.token_urlsafe(48),
        "RECEIPT_SIGNING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SANDBOX_CONTROL_KEY": secrets.token_urlsafe(24),
    }
    os.environ.update(FIXED | secret | {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner})


def pytest_unconfigure() -> None:
    """Stop the private PostgreSQL."""
    _running.close()


_start()
