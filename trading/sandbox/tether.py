"""
Become another program that does not outlive its parent: `python -m trading.sandbox.tether [options] -- command`.

On Linux the kernel sends the signal when the parent dies, however it dies. Elsewhere the pid file lets
the next start find and end what was left (`processes.end_leftovers`).
"""

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

from trading.sandbox import processes
from trading.sandbox.binaries import environment

PR_SET_PDEATHSIG = 1


def hold_to_parent(chosen: signal.Signals) -> None:
    """Have this process sent the signal when its parent ends. Survives exec, not a change of user."""
    parent = os.getppid()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(chosen), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("tether: the parent ended during the start")


def disown_stale_lock(data: Path) -> None:
    """
    Let PostgreSQL start after a `kill -9` even when its old process id now belongs to another program.

    It takes over a postmaster.pid that names itself, and then still checks the shared memory of the
    dead server; a removed file would skip that check.
    """
    lock = data / "postmaster.pid"
    try:
        lines = lock.read_text().splitlines()
        held = int(lines[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    if held != os.getpid() and processes.alive(held) and str(data) not in processes.command_line(held):
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")


def main() -> None:
    """Parse, tether, become the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pidfile", type=Path)
    parser.add_argument("--signal", default="TERM", help="what the parent's end sends")
    parser.add_argument("--user", help="uid:gid to run as")
    parser.add_argument("--data", type=Path, help="the data folder, when the command is PostgreSQL")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.pidfile:
        options.pidfile.write_text(f"{os.getpid()}\n{' '.join(options.command)}\n")
    if options.user:
        uid, gid = (int(part) for part in options.user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.chdir("/")
    hold_to_parent(signal.Signals[f"SIG{options.signal}"])
    if options.data:
        disown_stale_lock(options.data)
        os.execve(options.command[0], options.command, environment())
    os.execv(options.command[0], options.command)


if __name__ == "__main__":
    main()
