"""A real server of the console: gunicorn before the test database, which a test may also kill."""

import http.client
import os
import signal
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path

from django.db import connections

from trading.sandbox import localenv

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
PYTHON = [sys.executable, "-W", "ignore"]


class DeskServer:
    """One gunicorn; its address stays the same when it is started again."""

    def __init__(self, static_root: Path) -> None:
        self.port = localenv.free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = _environment(static_root, self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start it and wait until it answers.

        :raises RuntimeError: it did not.
        """
        command = [*PYTHON, "-m", "gunicorn", "trading.wsgi", "-b", f"127.0.0.1:{self.port}", "--threads", "4"]
        self.process = subprocess.Popen(
            [*command, "--no-control-socket"], cwd=ROOT, env=self.environment, start_new_session=True
        )
        limit = time.monotonic() + START_SECONDS
        while (status := self._status()) != HTTPStatus.OK:
            if self.process.poll() is not None or time.monotonic() > limit:
                self.stop()
                message = f"the server did not start (last status {status})"
                raise RuntimeError(message)
            time.sleep(0.2)

    def stop(self) -> None:
        """Let it finish what it does, and end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with all its workers at once, in the middle of whatever they do."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, how)
            self.process.wait(20)

    def _status(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/sign-in/", headers={"Host": f"localhost:{self.port}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


def built_static_files(place: Path) -> Path:
    """Collect and hash the static files there."""
    subprocess.run(
        [*PYTHON, "manage.py", "collectstatic", "--noinput", "-v0"],
        cwd=ROOT,
        env=_environment(place, "http://localhost"),
        check=True,
        timeout=120,
    )
    return place


def _environment(static_root: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "TEST_STATIC_ROOT": str(static_root),
        "DESK_URL": url,
        "DATABASE_URL": _on_test_database(os.environ["DATABASE_URL"]),
        "DATABASE_OWNER_URL": _on_test_database(os.environ["DATABASE_OWNER_URL"]),
    }


def _on_test_database(url: str) -> str:
    return f"{url.rpartition('/')[0]}/{connections['default'].settings_dict['NAME']}"
