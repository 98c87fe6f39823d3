"""
How a web comes to its end without a request lost: `gunicorn --config python:trading.serving trading.wsgi`.

Told to end (SIGTERM), it goes on serving for `DRAIN_SECONDS` and says so at `/health/serving`, so that a proxy that
asks there sends people elsewhere. Then the kernel takes no new connection for it: who tries has sent nothing yet, is
refused as soon as the web has ended, and is sent elsewhere, forms included. What was taken until then is read and
answered, and gunicorn ends in its own way. Told a second time, it ends at once.
"""

import ctypes
import mmap
import signal
import socket
import struct
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

from trading.env import number

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

DRAIN_SECONDS = number("DRAIN_SECONDS", 5)
READ_SECONDS = 1  # for what the kernel has taken to be read; after so long a first packet that was dropped comes again
SO_ATTACH_FILTER = 26
# For a socket that listens, in classic BPF: of a TCP packet with SYN in its flags (byte 13) nothing is taken, else all.
WITHOUT_NEW = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))

_told = mmap.mmap(-1, 1)  # one byte that gunicorn's processes share: this module is loaded before they are forked


def is_ending() -> bool:
    """Whether this web was told to end; never, where gunicorn was not started with this module."""
    return _told[0] != 0


def take_no_new(listener: socket.socket) -> None:
    """
    Drop the first packet of every new connection; those that are being made are still made.

    :raises OSError: this kernel cannot.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in WITHOUT_NEW))
    listener.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(WITHOUT_NEW), ctypes.addressof(program))
    )


def when_ready(server: "Arbiter") -> None:
    """Answer gunicorn's hook, in its first process: SIGTERM begins the end instead of being it."""

    def told(signum: int, frame: FrameType | None) -> None:
        if not DRAIN_SECONDS or is_ending():
            server.signal(signum, frame)
            return
        _told[0] = 1
        threading.Thread(target=_end, args=(server,), daemon=True).start()

    signal.signal(signal.SIGTERM, told)


def _end(server: "Arbiter") -> None:
    server.log.info("Told to end: serving for %s s yet, and saying so at /health/serving", DRAIN_SECONDS)
    time.sleep(DRAIN_SECONDS)
    if sys.platform == "linux":
        for listener in server.LISTENERS:
            if listener.sock.family in {socket.AF_INET, socket.AF_INET6}:
                _try_to_take_no_new(server, listener.sock)
        time.sleep(READ_SECONDS)
    server.signal(signal.SIGTERM, None)


def _try_to_take_no_new(server: "Arbiter", listener: socket.socket) -> None:
    try:
        take_no_new(listener)
    except OSError as error:
        server.log.warning("New connections are taken to the end (%s): one that comes in it may be cut off", error)
