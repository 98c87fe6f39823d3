"""What a container's health check says of a real web, and of a process that shows that it lives."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connections

from alerting import operations
from tests.crash.running import program, wait_for
from trading import probe
from trading.lib import clock
from trading.settings import VERSION

TOKEN = "of-the-probe-alone"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Nothing: the desk has its own log."""


@pytest.fixture
def asked(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """What the probe prints of a web that runs here, with its built static files."""
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
        monkeypatch.setenv("DESK_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield lambda what: probe.LOOKS[what]()
        server.shutdown()
        thread.join()


def test_web_tells_its_version_whoever_else_is_silent(asked: Callable[[str], str]) -> None:
    assert asked("web") == VERSION
    with pytest.raises(probe.Unwell, match="worker: never heard; bot: never heard"):
        asked("desk")


def test_desk_is_well_when_worker_and_bot_were_heard(asked: Callable[[str], str]) -> None:
    for name in ("worker", "bot"):
        operations.beat(name=name, now=clock.now())

    assert asked("desk") == VERSION


def test_unapplied_migration_is_seen(asked: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.health._all_applied", lambda: False)

    with pytest.raises(probe.Unwell, match="migrations: unapplied"):
        asked("web")


def test_wrong_token_is_named_instead_of_a_version(
    asked: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "another")

    with pytest.raises(probe.Unwell, match="METRICS_TOKEN"):
        asked("web")


def test_sign_in_comes_with_form_and_styles(asked: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked("pages") == "ok"
    monkeypatch.setattr(probe, "STYLESHEET", re.compile('(no styles)"'))
    with pytest.raises(probe.Unwell, match="no form or no styles"):
        asked("pages")


def run(monkeypatch: pytest.MonkeyPatch, what: str) -> object:
    """The exit status of the program; 0 when it prints an answer."""
    monkeypatch.setattr(sys, "argv", ["probe", what])
    try:
        probe.main()
    except SystemExit as ended:
        return ended.code
    return 0


def test_old_sign_of_life_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sign = tmp_path / "alive"
    monkeypatch.setenv("ALIVE_FILE", str(sign))
    assert "No such file" in str(run(monkeypatch, "alive"))
    sign.touch()
    assert run(monkeypatch, "alive") == 0
    os.utime(sign, (0, 0))
    assert "no sign of life" in str(run(monkeypatch, "alive"))


def test_web_that_is_away_is_one_line_and_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PORT", "9")

    assert "Connection refused" in str(run(monkeypatch, "web"))


@pytest.mark.processes
@pytest.mark.parametrize("command", [("worker",), ("bot",)])
def test_worker_and_bot_show_that_they_live(db: None, tmp_path: Path, command: tuple[str, ...]) -> None:
    sign = tmp_path / "alive"
    connections["default"].close()
    with program(sys.executable, "manage.py", *command, ALIVE_FILE=str(sign)):
        wait_for(sign.exists)
        shown = sign.stat().st_mtime_ns
        wait_for(lambda: sign.stat().st_mtime_ns > shown)
