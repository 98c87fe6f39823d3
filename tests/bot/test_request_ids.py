"""One request's id is in the lines of all that it caused, and in the messages' rows."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from alerting.models import OutboundMessage
from tests.bot.scene import TARA, Scene
from tests.console import scene as people
from tests.console.conftest import light_settings, verified_client
from trading import logs
from users.models import AuditEvent, Role

__all__ = ["light_settings"]

Line = dict[str, Any]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log as production writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.json_formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(written: io.StringIO) -> list[Line]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def freeze(scene: Scene) -> str:
    """A person of the desk freezes the client at the console, which tells its traders; the id of the request."""
    olga = verified_client(people.person("olga", Role.OPS))
    scene.work()
    answer = olga.post(
        f"/counterparties/{scene.market.client.ref}/terms/stop/",
        {"reason": "Their bank called: an account was taken over."},
    )
    assert answer.status_code == 302, answer.content
    return str(answer["X-Request-ID"])


def test_from_the_web_through_jobs_to_the_message(scene: Scene, written: io.StringIO) -> None:
    request_id = freeze(scene)
    scene.work()

    message = OutboundMessage.objects.filter(chat_id=TARA, method="send").latest("pk")
    assert message.request_id == request_id
    assert AuditEvent.objects.get(name="client.frozen").request_id == request_id
    about = [line for line in lines(written) if line.get("request_id") == request_id]
    assert any(line["logger"] == "desk.web" and line["event"].startswith("POST /counterparties/") for line in about)
    sent = next(line for line in about if line["event"] == f"message {message.pk} is sent: send")
    assert sent["job"].startswith("alerting.deliver[")


def test_a_job_that_is_tried_again_keeps_it(scene: Scene, written: io.StringIO) -> None:
    scene.client.fault("error", status=500, method="sendMessage", chat_id=TARA)
    request_id = freeze(scene)
    scene.until(lambda: OutboundMessage.objects.filter(chat_id=TARA, method="send", status="sent", attempts=2).exists())

    message = OutboundMessage.objects.filter(chat_id=TARA, method="send").latest("pk")
    line = next(line for line in lines(written) if line["event"] == f"message {message.pk} is sent: send")
    assert line["request_id"] == message.request_id == request_id


def test_answers_carry_the_update_that_they_answer(scene: Scene) -> None:
    scene.say(TARA, "/help")

    assert OutboundMessage.objects.filter(chat_id=TARA).latest("pk").request_id.startswith("tg:")
