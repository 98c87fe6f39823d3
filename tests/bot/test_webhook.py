"""The webhook: the same inbox as polling, for who shows the secret; and the process that keeps it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest
from django.test import Client

from alerting.models import Heartbeat, InboundUpdate
from tests.bot.scene import TARA, Scene
from trading.bot import watching
from trading.bot.webhook import HEADER, LARGEST
from trading.lib import threads
from trading.sandbox.telegram.client import SandboxClient

SECRET = "kL9-webhook_Secret-of-these-tests-7Qx2"
ADDRESS = "/telegram/webhook/"
UPDATE = {"update_id": 41, "message": {"message_id": 1, "chat": {"id": 7001, "type": "private"}, "text": "/help"}}


@dataclass
class Street:
    """Where Telegram's calls arrive: each is handed over, and answered with what comes back."""

    port: int
    came: Queue[tuple[str, bytes]] = field(default_factory=Queue)
    answers: Queue[int] = field(default_factory=Queue)


@pytest.fixture
def street() -> Iterator[Street]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.came.put((self.headers[HEADER], body))
            self.send_response(made.answers.get(timeout=15))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        made = Street(server.server_port)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield made
        server.shutdown()
        serving.join()


@pytest.fixture
def webhook(settings: Any, db: None) -> None:
    settings.TELEGRAM_WEBHOOK_URL = "http://127.0.0.1:1/telegram/webhook/"
    settings.TELEGRAM_WEBHOOK_SECRET = SECRET


def post(body: bytes | str, secret: str = SECRET, **more: Any) -> int:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(ADDRESS, body, content_type="application/json", headers={HEADER: secret}, **more)
    return answer.status_code


def test_update_with_the_secret_is_stored_once_however_often_it_comes(webhook: None) -> None:
    for _again in range(3):
        assert post(json.dumps(UPDATE)) == 200

    stored = InboundUpdate.objects.get()
    assert (stored.update_id, stored.chat_id, stored.payload) == (41, 7001, UPDATE)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + "x", "ключ"])
def test_who_does_not_show_the_secret_stores_nothing(webhook: None, secret: str) -> None:
    assert post(json.dumps(UPDATE), secret) == 403
    assert not InboundUpdate.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("no json", 400),
        ("[]", 400),
        ('{"update_id": "41"}', 400),
        ('{"update_id": true}', 400),
        (" " * (LARGEST + 1), 413),
    ],
)
def test_what_is_no_update_is_refused(webhook: None, body: str, status: int) -> None:
    assert post(body) == status
    assert not InboundUpdate.objects.exists()


def test_without_a_webhook_there_is_no_such_address(db: None, settings: Any) -> None:
    settings.TELEGRAM_WEBHOOK_URL = settings.TELEGRAM_WEBHOOK_SECRET = ""

    assert post(json.dumps(UPDATE), "") == 404


def test_it_is_a_door_for_posts_alone(webhook: None) -> None:
    assert Client().get(ADDRESS).status_code == 405


def test_telegram_delivers_to_it_and_the_desk_answers(scene: Scene, settings: Any, street: Street) -> None:
    settings.TELEGRAM_WEBHOOK_URL = f"http://127.0.0.1:{street.port}{ADDRESS}"
    settings.TELEGRAM_WEBHOOK_SECRET = SECRET
    asyncio.run(watched(Heartbeat.objects.filter(name="bot").exists))

    scene.client.say(TARA, "/help")
    secret, body = street.came.get(timeout=15)
    status = post(body, secret)
    street.answers.put(status)
    scene.work()

    assert status == 200
    assert "/rfq" in scene.screen(TARA)[-1]["text"]


def test_what_keeps_updates_from_arriving_is_told_once(
    telegram: SandboxClient, webhook: None, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)
    telegram.say(TARA, "/help")

    def told() -> bool:
        return any("Telegram cannot deliver to" in record.message for record in caplog.records)

    asyncio.run(watched(told, then=0.5))

    assert len([record for record in caplog.records if "Telegram cannot deliver to" in record.message]) == 1
    assert not [record for record in caplog.records if SECRET in record.getMessage()]


async def watched(seen: Callable[[], bool], *, then: float = 0.0) -> None:
    """Keep the webhook until that is seen."""
    keeping = asyncio.create_task(watching.watch())
    async with asyncio.timeout(30):
        while not await threads.run(seen):  # noqa: ASYNC110 - what is waited for lies in the database
            await asyncio.sleep(0.05)
    await asyncio.sleep(then)
    keeping.cancel()
