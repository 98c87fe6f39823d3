"""The journal: JSON lines, one line per act, written before the act is answered."""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

type Event = dict[str, Any]


class JournalError(Exception):
    """The journal cannot be used; the message says what to do."""


class Journal:
    """
    An append-only file of acts.

    A line goes to the operating system in one write, so a killed process loses nothing it answered for.
    A torn last line (the machine went down inside a write) was never answered for and is cut off.
    """

    def __init__(self, path: Path) -> None:
        """Open, and lock against a second server on the same file."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            words = f"{path} is in use: stop the other sandbox, or give this one another directory."
            raise JournalError(words) from error

    def replay(self) -> Iterator[list[Event]]:
        """Give every act in order; cut off a torn end."""
        good = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    yield json.loads(line)
                except ValueError as error:
                    words = f"{self.path} line {number} is damaged: move the file away to start empty."
                    raise JournalError(words) from error
                good += len(line)
        if good != os.fstat(self._fd).st_size:
            os.ftruncate(self._fd, good)

    def append(self, events: list[Event]) -> None:
        """Write one act (its events share one line: all or none)."""
        line = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._fd, line)
        if written != len(line):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            words = f"{self.path} cannot be written: is the disk full?"
            raise JournalError(words)

    def replace(self, events: list[Event]) -> None:
        """Put one line in place of the whole file (compaction), without a moment in which it is missing."""
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with fresh.open("xb") as out:
            out.write(json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.chmod(0o600)
        descriptor = os.open(fresh, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.replace(self.path)
        os.close(self._fd)
        self._fd = descriptor

    def close(self) -> None:
        """Release file and lock."""
        os.close(self._fd)
