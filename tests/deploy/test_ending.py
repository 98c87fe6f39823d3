"""A web that is told to end: it says so, goes on serving for a while, and what was sent to it is answered."""

import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from django.db import connections

from tests.crash.running import PATIENCE, program, wait_for
from trading.sandbox.localenv import free_port

SENDERS, DRAIN_SECONDS, FOR_EVER = 12, 3, 3600
FORM = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b"
REFUSED, ANSWERED = "refused", "answered"


@contextmanager
def web(drain_seconds: int) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The desk's web on a port of its own, one process and thread: much waits in it at any time."""
    connections["default"].close()
    port = free_port()
    command = ("-m", "gunicorn", "trading.wsgi", "--config", "python:trading.serving", "--no-control-socket")
    variables = {"DRAIN_SECONDS": str(drain_seconds), "ALLOWED_HOSTS": "localhost,127.0.0.1", "LOG_LEVEL": "ERROR"}
    bind = ("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "1")
    with program(sys.executable, *command, *bind, **variables) as process:
        wait_for(lambda: ask(port, "/health/live") == 200)
        yield port, process


def ask(port: int, path: str) -> int:
    """The status of an answer; 0 when there is nobody."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=PATIENCE).status_code
    except httpx.ConnectError:
        return 0


def sent(port: int) -> str:
    """A form on a connection of its own, as a proxy sends it: answered, refused before it was sent, or lost."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    except ConnectionRefusedError:
        return REFUSED
    try:
        with connection:
            connection.sendall(FORM)
            return ANSWERED if connection.recv(64).startswith(b"HTTP/1.1 403 ") else "lost: no answer"
    except OSError as error:
        return f"lost: {type(error).__name__}"


def sending(port: int, found: Counter[str]) -> None:
    """Forms without a pause until one is refused."""
    last = ""
    while last != REFUSED:
        last = sent(port)
        found[last] += 1


@pytest.mark.processes
def test_it_says_so_serves_on_and_loses_no_form(db: None) -> None:
    with web(DRAIN_SECONDS) as (port, process):
        found = Counter[str]()
        senders = [threading.Thread(target=sending, args=(port, found)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        wait_for(lambda: found[ANSWERED] > SENDERS)
        assert ask(port, "/health/serving") == 200

        process.terminate()
        told = time.monotonic()
        wait_for(lambda: ask(port, "/health/serving") == 503)
        assert ask(port, "/health/live") == 200
        assert process.wait(PATIENCE) == 0
        served = time.monotonic() - told
        for sender in senders:
            sender.join(PATIENCE)

    assert served >= DRAIN_SECONDS
    assert set(found) == {ANSWERED, REFUSED}, found
    assert found[REFUSED] == SENDERS


@pytest.mark.processes
def test_told_a_second_time_it_ends_at_once(db: None) -> None:
    with web(FOR_EVER) as (port, process):
        process.terminate()
        wait_for(lambda: ask(port, "/health/serving") == 503)
        process.terminate()

        assert process.wait(PATIENCE) == 0
