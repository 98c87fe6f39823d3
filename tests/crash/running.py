"""Real processes of the desk on the test database, to be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.conf import settings
from django.db import connection

PATIENCE = 90


@contextmanager
def process(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command of manage.py as the runtime role; it is killed at the end of the block."""
    at = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@{at['HOST']}:{at['PORT']}/{at['NAME']}",
        "DATABASE_OWNER_URL": "",
        "TELEGRAM_API_URL": settings.TELEGRAM_API_URL,
    }
    arguments = [sys.executable, "manage.py", *command]
    with subprocess.Popen(arguments, cwd=settings.BASE_DIR, env=environment) as running:
        try:
            yield running
        finally:
            running.kill()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is so, with patience for a busy machine."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)
