"""Processes of earlier runs: whether they live, whether they are ours, and how to end them."""

import os
import signal
import subprocess
import time
from pathlib import Path

POLL_SECONDS = 0.05


def alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def command_line(pid: int) -> str:
    """The command the process was started with, words joined by blanks; empty when it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b" ".join(words).decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return ""
    asked = subprocess.run(["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def is_running(pid: int, command: str) -> bool:
    """Whether that process is alive and still the one started with a command that holds this text."""
    return alive(pid) and command in command_line(pid)


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait until the process has ended; False when it has not within the time."""
    limit = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > limit:
            return False
        time.sleep(POLL_SECONDS)
    return True


def end(pid: int, *, politely: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
    """End a process, at first politely."""
    for chosen, patience in ((politely, seconds), (signal.SIGKILL, 5)):
        try:
            os.kill(pid, chosen)
        except ProcessLookupError:
            return
        if wait_gone(pid, patience):
            return


def read_pidfile(path: Path) -> tuple[int, str] | None:
    """The process id and the command that `tether` wrote; None when there is no whole file."""
    try:
        number, _, command = path.read_text().partition("\n")
        return int(number), command.strip()
    except (FileNotFoundError, ValueError):
        return None


def end_leftovers(folder: Path, *, seconds: float = 10) -> list[str]:
    """End what a run that was killed has left, by the pid files in the folder; their names."""
    ended = []
    for path in sorted(folder.glob("*.pid")):
        held = read_pidfile(path)
        if held and held[1] and is_running(*held):
            end(held[0], seconds=seconds)
            ended.append(path.stem)
        path.unlink(missing_ok=True)
    return ended
