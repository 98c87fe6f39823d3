"""A process that forks workers for tests, each of which kills itself where it is told; blocks come meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from django.conf import settings
from django.db import connection

BLOCK_SECONDS = 0.2


class Mining(Protocol):
    """A chain that makes a block when it is asked."""

    def mine(self) -> None:
        """Make one."""


class Rig:
    """A process that forks workers; see `tests.wallets.preloaded`."""

    def __init__(self, process: "subprocess.Popen[str]", chain: Mining) -> None:
        self.process, self.chain = process, chain

    def _hear(self, word: str) -> int:
        assert self.process.stdout is not None
        heard, _, number = self.process.stdout.readline().strip().partition(" ")
        assert heard == word, f"the rig said {heard!r}"
        return int(number)

    def start(self, point: str, kind: str) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{point} {kind}\n")
        self.process.stdin.flush()
        return self._hear("pid")

    def die_at(self, point: str, *, kind: str = "real") -> None:
        """Work until the point, while blocks come; the worker is dead then."""
        pid = self.start(point, kind)
        self._mine_until(lambda: not _is_alive(pid))
        assert self._hear("ended") == -signal.SIGKILL
        run_what_was_held()

    def work_until(self, condition: Callable[[], bool], *, kind: str = "real") -> None:
        """Work until it is so, while blocks come."""
        pid = self.start("none", kind)
        try:
            self._mine_until(condition)
        finally:
            os.kill(pid, signal.SIGKILL)
            self._hear("ended")

    def _mine_until(self, condition: Callable[[], bool]) -> None:
        limit = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < limit, "it did not happen in time"
            self.chain.mine()
            time.sleep(BLOCK_SECONDS)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run_what_was_held() -> None:
    """Let the jobs of the dead worker run again at once; `jobs.retry_stalled` does it when it was silent for long."""
    with connection.cursor() as cursor:
        cursor.execute("update procrastinate_jobs set status = 'todo', worker_id = null where status = 'doing'")


@contextmanager
def started(environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """The process, with the test's database and what it is told of chains and keys."""
    at = connection.settings_dict
    url = f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.wallets.preloaded"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": url, "DATABASE_OWNER_URL": "", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()
