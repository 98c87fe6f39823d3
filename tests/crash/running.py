"""Real processes of the desk on the test database, to be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO
from urllib.parse import quote

from django.conf import settings
from django.db import connection

PATIENCE = 90


def environment() -> dict[str, str]:
    """What a process of the desk sees: the test database as the runtime role, the test's Telegram."""
    at = connection.settings_dict
    return os.environ | {
        "DATABASE_URL": f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@{at['HOST']}:{at['PORT']}/{at['NAME']}",
        "DATABASE_OWNER_URL": "",
        "TELEGRAM_API_URL": settings.TELEGRAM_API_URL,
    }


def process(*command: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Run a command of manage.py as the runtime role; it is killed at the end of the block."""
    return program(sys.executable, "manage.py", *command)


def program(*arguments: str, **variables: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Run a program of the desk as the runtime role, with more of environment; it is killed at the end of the block."""
    return logged(None, *arguments, **variables)


@contextmanager
def logged(log: IO[str] | None, *arguments: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Likewise; what it says goes into this file."""
    with subprocess.Popen(
        arguments, cwd=settings.BASE_DIR, env=environment() | variables, stdout=log, stderr=log
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def wait_for(condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    """Wait until it is so, with patience for a busy machine."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)


def shell(code: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Run Python in a process of its own, with the desk loaded."""
    return process("shell", "--no-imports", "-c", code)
