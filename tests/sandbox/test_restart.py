"""Killing the stand-in loses nothing that it answered for."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import KEY, LEO, TARA, TOKEN, free_port
from trading.sandbox.telegram.client import SandboxClient
from trading.sandbox.telegram.journal import Journal, JournalError
from trading.sandbox.telegram.state import COMPACT_AFTER, KEPT_MESSAGES, State

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(directory: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str, SandboxClient]]:
    environment = {
        **os.environ,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "SANDBOX_CONTROL_KEY": KEY,
        "SANDBOX_TELEGRAM_PORT": str(port),
    }
    command = [sys.executable, "-m", "trading.sandbox.telegram", str(directory)]
    url = f"http://127.0.0.1:{port}"
    with (
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as child,
        SandboxClient(url, KEY) as client,
    ):
        try:
            wait_until_healthy(url, child)
            yield child, url, client
        finally:
            child.kill()


def wait_until_healthy(url: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert child.poll() is None, "the stand-in ended by itself"
        try:
            httpx.get(f"{url}/health")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the stand-in did not come up")


def call(url: str, method: str, **data: object) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.post(f"{url}/bot{TOKEN}/{method}", json=data, timeout=20).json()
    return answer


def test_after_kill_9_everything_is_still_there_and_ids_go_on(tmp_path: Path) -> None:
    port = free_port()
    with process(tmp_path, port) as (child, url, client):
        client.say(TARA, "confirmed")
        first = call(url, "getUpdates")["result"][0]["update_id"]
        call(url, "getUpdates", offset=first + 1)
        client.say(TARA, "waiting")
        markup = {"inline_keyboard": [[{"text": "Accept", "callback_data": "tok"}]]}
        card = call(url, "sendMessage", chat_id=TARA, text="card", reply_markup=markup)["result"]
        call(url, "editMessageText", chat_id=TARA, message_id=card["message_id"], text="edited", reply_markup=markup)
        query = client.press(TARA, card["message_id"], "Accept")
        client.block(LEO)
        call(url, "setMyCommands", commands=[{"command": "rfq", "description": "Ask"}])
        before = client.changes(TARA)
        child.send_signal(signal.SIGKILL)
        child.wait()

    with process(tmp_path, port) as (_, url, client):
        updates = call(url, "getUpdates")["result"]
        assert [u.get("message", {}).get("text") for u in updates] == ["waiting", None, None]
        assert updates[0]["update_id"] == first + 1
        assert updates[1]["callback_query"]["data"] == "tok"
        assert client.changes(TARA) == before
        assert call(url, "answerCallbackQuery", callback_query_id=query["id"])["ok"]
        assert call(url, "sendMessage", chat_id=LEO, text="x")["error_code"] == 403
        assert call(url, "getMyCommands")["result"] == [{"command": "rfq", "description": "Ask"}]
        after = call(url, "sendMessage", chat_id=TARA, text="next")["result"]
        assert after["message_id"] == card["message_id"] + 1


def test_a_second_stand_in_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")

    with pytest.raises(JournalError, match="in use"):
        Journal(tmp_path / "journal.jsonl")
    journal.close()


def test_a_torn_last_line_is_cut_off_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('[{"e":"block","user":7001,"value":true}]\n[{"e":"block","user":70')
    journal = Journal(path)

    state = State(journal)
    state.record({"e": "block", "user": 7002, "value": True})
    journal.close()

    assert state.blocked == {7001, 7002}
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 2


def test_a_damaged_line_stops_the_start_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("[]\nnonsense\n[]\n")
    journal = Journal(path)

    with pytest.raises(JournalError, match="line 2 is damaged"):
        State(journal)
    journal.close()


def test_a_long_journal_is_compacted_without_losing_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    state = State(journal)
    message = {"from": {"id": TARA}, "chat": {"id": TARA}, "date": 0, "text": "x"}
    for number in range(1, COMPACT_AFTER + 10):
        state.record({"e": "message", "chat": TARA, "message": {**message, "message_id": number}})
    journal.close()

    reopened = Journal(path)
    again = State(reopened)
    reopened.close()

    assert len(path.read_text().splitlines()) < 50
    assert again.dump() == {**state.dump(), "next_update_id": again.next_update_id}
    assert len(again.chat(TARA).messages) == KEPT_MESSAGES


@pytest.mark.parametrize("missing", ["TELEGRAM_BOT_TOKEN", "SANDBOX_CONTROL_KEY"])
def test_a_missing_secret_stops_the_start_with_one_sentence(tmp_path: Path, missing: str) -> None:
    environment = {**os.environ, "TELEGRAM_BOT_TOKEN": TOKEN, "SANDBOX_CONTROL_KEY": KEY, missing: ""}
    command = [sys.executable, "-m", "trading.sandbox.telegram", str(tmp_path)]

    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 1
    assert ended.stderr.strip().count("\n") == 0
    assert f"{missing} is not set" in ended.stderr
