"""Workers that are killed, and started again as a supervisor does."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.wallets.rig import _is_alive


class Crew:
    """So many workers of one kind (`tests.chaos.forked`)."""

    def __init__(self, environment: Mapping[str, str], log: Path, *, size: int, kind: str = "real") -> None:
        at = connection.settings_dict
        url = f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
        self._environment = os.environ | {"DATABASE_URL": url, "DATABASE_OWNER_URL": "", **environment}
        self._log, self._size, self._kind = log, size, kind
        self._pids: list[int] = []

    def __enter__(self) -> Self:
        """Load the desk once; `keep_up` starts workers."""
        self._out: IO[bytes] = self._log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forked"],
            cwd=settings.BASE_DIR,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._out,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all of them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._out.close()

    def start(self, point: str = "none") -> None:
        """One more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{point} {self._kind}\n")
        self._process.stdin.flush()
        self._pids.append(int(self._process.stdout.readline()))

    def keep_up(self) -> int:
        """Start again what ended; how many those were."""
        self._pids = [pid for pid in self._pids if _is_alive(pid)]
        missing = max(self._size - len(self._pids), 0)
        for _ in range(missing):
            self.start()
        return missing

    def kill(self, chance: random.Random, number: int = 1) -> None:
        """Kill some of them with `kill -9`."""
        living = [pid for pid in self._pids if _is_alive(pid)]
        for pid in chance.sample(living, min(number, len(living))):
            with suppress(ProcessLookupError):  # one that was to die at a point has just done so
                os.kill(pid, signal.SIGKILL)

    def send_into(self, chance: random.Random, point: str) -> None:
        """Kill one, and put one in its place that will die at the point."""
        self.kill(chance)
        self.start(point)
