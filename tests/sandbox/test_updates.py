"""How updates are given, confirmed, given again; polling and webhooks."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import httpx
import pytest
from telegram import Bot
from telegram.error import BadRequest, Conflict

from tests.sandbox.conftest import TARA, TOKEN, Sandbox
from tests.sandbox.test_bot_api import with_bot


def get_updates(sandbox: Sandbox, **query: str | int) -> httpx.Response:
    return httpx.get(f"{sandbox.url}/bot{TOKEN}/getUpdates", params=query, timeout=20)


def texts(answer: httpx.Response) -> list[str]:
    return [update["message"]["text"] for update in answer.json()["result"]]


def last_id(answer: httpx.Response) -> int:
    return int(answer.json()["result"][-1]["update_id"])


def say(sandbox: Sandbox, *words: str) -> None:
    for text in words:
        sandbox.client.say(TARA, text)


def test_updates_are_given_again_until_an_offset_confirms_them(sandbox: Sandbox) -> None:
    say(sandbox, "one", "two")

    first = get_updates(sandbox)
    again = get_updates(sandbox)
    after = get_updates(sandbox, offset=last_id(first))
    empty = get_updates(sandbox, offset=last_id(first) + 1)

    assert texts(first) == texts(again) == ["one", "two"]
    assert texts(after) == ["two"]
    assert texts(empty) == []
    assert sandbox.client.state()["pending_updates"] == []


def test_a_limit_gives_the_oldest_first(sandbox: Sandbox) -> None:
    say(sandbox, "one", "two", "three")

    assert texts(get_updates(sandbox, limit=2)) == ["one", "two"]


def test_a_negative_offset_forgets_all_but_the_last(sandbox: Sandbox) -> None:
    say(sandbox, "one", "two", "three")

    assert texts(get_updates(sandbox, offset=-1)) == ["three"]
    assert texts(get_updates(sandbox)) == ["three"]


def test_update_ids_ascend_and_survive_a_reset(sandbox: Sandbox) -> None:
    say(sandbox, "one", "two")
    before = last_id(get_updates(sandbox))

    sandbox.client.reset()
    say(sandbox, "three")

    assert last_id(get_updates(sandbox)) > before


def test_a_long_poll_returns_as_soon_as_something_is_said(sandbox: Sandbox) -> None:
    threading.Timer(0.4, lambda: say(sandbox, "at last")).start()
    began = time.monotonic()

    answer = get_updates(sandbox, timeout=10)

    assert texts(answer) == ["at last"]
    assert 0.3 < time.monotonic() - began < 3


def test_a_long_poll_ends_empty_when_nothing_is_said(sandbox: Sandbox) -> None:
    began = time.monotonic()

    assert texts(get_updates(sandbox, timeout=1)) == []
    assert 0.9 < time.monotonic() - began < 3


def test_unwanted_kinds_of_updates_are_not_made(sandbox: Sandbox) -> None:
    get_updates(sandbox, allowed_updates='["callback_query"]')
    say(sandbox, "unheard")
    get_updates(sandbox, allowed_updates="[]")
    say(sandbox, "heard")

    assert texts(get_updates(sandbox)) == ["heard"]


def test_a_second_poller_ends_the_first_with_a_conflict(sandbox: Sandbox) -> None:
    async def act(bot: Bot) -> Any:
        first = asyncio.create_task(bot.get_updates(timeout=10))
        await asyncio.sleep(0.3)
        async with sandbox.bot() as other:
            second = asyncio.create_task(other.get_updates(timeout=1))
            with pytest.raises(Conflict, match="terminated by other getUpdates request"):
                await first
            return await second

    assert with_bot(sandbox, act) == ()


def test_a_poller_that_hung_up_takes_nothing_along(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{sandbox.url}/bot{TOKEN}/getUpdates", params={"timeout": 10}, timeout=0.3)
    say(sandbox, "still here")

    assert texts(get_updates(sandbox, timeout=2)) == ["still here"]


class _Hook(BaseHTTPRequestHandler):
    answers: ClassVar[list[int]] = []
    seen: ClassVar[list[tuple[str | None, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.headers.get("X-Telegram-Bot-Api-Secret-Token"), body))
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def hook() -> Iterator[str]:
    _Hook.answers.clear()
    _Hook.seen.clear()
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


def until(condition: Callable[[], bool], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_webhook_gets_each_update_with_its_secret_until_it_says_yes(sandbox: Sandbox, hook: str) -> None:
    _Hook.answers.append(500)
    with_bot(sandbox, lambda bot: bot.set_webhook(hook, secret_token="s3cret"))

    say(sandbox, "one", "two")
    until(lambda: len(_Hook.seen) == 3)

    assert [secret for secret, _ in _Hook.seen] == ["s3cret"] * 3
    assert [b'"one"' in body for _, body in _Hook.seen] == [True, True, False]
    until(lambda: sandbox.client.state()["pending_updates"] == [])
    info = with_bot(sandbox, lambda bot: bot.get_webhook_info())
    assert (info.url, info.pending_update_count) == (hook, 0)
    assert "500" in info.last_error_message


def test_polling_is_a_conflict_while_a_webhook_is_set_and_works_again_after(sandbox: Sandbox, hook: str) -> None:
    with_bot(sandbox, lambda bot: bot.set_webhook(hook))
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        with_bot(sandbox, lambda bot: bot.get_updates())

    with_bot(sandbox, lambda bot: bot.delete_webhook())
    say(sandbox, "polled")

    assert texts(get_updates(sandbox)) == ["polled"]


def test_setting_a_webhook_ends_a_waiting_poller(sandbox: Sandbox, hook: str) -> None:
    async def act(bot: Bot) -> Any:
        poll = asyncio.create_task(bot.get_updates(timeout=10))
        await asyncio.sleep(0.3)
        await bot.set_webhook(hook)
        with pytest.raises(Conflict, match="setWebhook"):
            await poll

    with_bot(sandbox, act)


def test_pending_updates_are_dropped_when_asked(sandbox: Sandbox) -> None:
    say(sandbox, "old")

    with_bot(sandbox, lambda bot: bot.delete_webhook(drop_pending_updates=True))

    assert texts(get_updates(sandbox)) == []


def test_a_webhook_secret_with_strange_characters_is_refused(sandbox: Sandbox, hook: str) -> None:
    with pytest.raises(BadRequest, match="unallowed characters"):
        with_bot(sandbox, lambda bot: bot.set_webhook(hook, secret_token="with space"))
