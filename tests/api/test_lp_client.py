"""The example of an LP's program, as a process of its own against a server of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rfq.models import Fill, Heartbeat, Quote
from tests.api.parties import Program, Room
from tests.bot.workers import Worker
from tests.crash.running import wait_for

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/examples/lp_client.py"

pytestmark = pytest.mark.processes


@pytest.fixture
def room(db: None) -> Iterator[Room]:
    room = Room()
    with Worker():
        yield room


class Running:
    """How the example is run: against which server, with which files."""

    def __init__(self, server: str, program: Program, folder: Path) -> None:
        self.environment = {**os.environ, "DESK_URL": server, "DESK_KEY": program.text}
        self.mids, self.state, self.log = folder / "mids.json", folder / "state.json", folder / "log"
        self.set_mid("0.9200")

    def set_mid(self, mid: str) -> None:
        self.mids.write_text(json.dumps({"USDT/EUR": mid}))

    @contextmanager
    def started(self) -> Iterator["subprocess.Popen[bytes]"]:
        arguments = ["--mids", str(self.mids), "--state", str(self.state), "--spread-bps", "20"]
        command = [sys.executable, str(EXAMPLE), *arguments]
        with self.log.open("ab") as log, subprocess.Popen(command, env=self.environment, stdout=log) as process:
            try:
                yield process
            finally:
                process.kill()

    def has_said(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.log.read_text()


def best_of(room: Room, ref: str) -> Any:
    return room.tara.get(f"rfqs/{ref}").json()["best"]


def test_it_quotes_replaces_survives_a_restart_and_trades(room: Room, live_server: Any, tmp_path: Path) -> None:
    running = Running(live_server.url, room.leo, tmp_path)
    with running.started() as process:
        wait_for(lambda: Heartbeat.objects.filter(due_at__isnull=False).exists())
        first = room.tara.ask().json()["ref"]
        wait_for(lambda: best_of(room, first) is not None)
        assert Quote.objects.get(status="active").price == Decimal("0.9210")  # ten points above the mid, up to a tick

        running.set_mid("0.9100")
        wait_for(lambda: Quote.objects.filter(status="active", price=Decimal("0.9110")).exists())
        assert Quote.objects.filter(status="replaced", price=Decimal("0.9210")).exists()
        process.kill()
    sold = room.tara.accept(best_of(room, first)["quote"]).json()["ref"]
    second = room.tara.ask(side="sell", amount="5000", unit="USDT").json()["ref"]

    with running.started() as process:
        wait_for(running.has_said(f"{sold}: sell "))  # it was told of the trade it missed
        wait_for(lambda: best_of(room, second) is not None)
        bought = room.tara.accept(best_of(room, second)["quote"]).json()["ref"]
        wait_for(running.has_said(f"{bought}: buy 5000.000000 USDT at 0.9090"))
        third = room.tara.ask().json()["ref"]
        wait_for(lambda: best_of(room, third) is not None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    assert best_of(room, third) is None
    assert Heartbeat.objects.get().due_at is None
    assert Fill.objects.count() == 2
    assert running.log.read_text().count(f"{sold}: ") == 1
