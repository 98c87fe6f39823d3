"""
When a message is tried again, when it is given up, and that other chats flow meanwhile.

Each test lets one chat suffer and watches a second one: TARA's has the trouble, LEO's must not notice.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from alerting import operations, queries, tasks
from alerting.models import OutboundMessage
from tests import factories
from tests.bot.scene import LEO, STRANGER, TARA, Scene, link
from trading.lib import clock
from users.models import AuditEvent, TelegramLink

Method, Status = OutboundMessage.Method, OutboundMessage.Status
SEND: dict[str, Any] = {"method": "sendMessage", "chat_id": TARA}


def queue(*texts: str, chat: int = TARA, ago: timedelta = timedelta()) -> list[OutboundMessage]:
    made = [OutboundMessage(key=text, chat_id=chat, method=Method.SEND, payload={"text": text}) for text in texts]
    operations.queue_messages(messages=made, now=clock.now() - ago)
    return [get(text) for text in texts]


def until(condition: Callable[[], bool]) -> None:
    """Let the worker try and try: while it does, jobs are always due."""
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.05)


def get(key: str) -> OutboundMessage:
    return OutboundMessage.objects.get(key=key)


def texts(scene: Scene, chat: int = TARA) -> list[str]:
    return [message["text"] for message in scene.screen(chat)]


def tries(scene: Scene, chat: int = TARA) -> int:
    calls = scene.client.state()["calls"]
    return sum(call["method"] == "sendMessage" and call["chat_id"] == chat for call in calls)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry comes at once."""
    monkeypatch.setattr(tasks, "_backoff", lambda _attempts: timedelta(milliseconds=20))


@pytest.fixture
def silence(scene: Scene) -> None:
    """Telegram has taken nothing from anybody for long."""
    OutboundMessage.objects.all().delete()


# --- 429 ------------------------------------------------------------------------------------


def test_a_wish_to_wait_holds_up_its_chat_in_order_and_no_other(scene: Scene) -> None:
    scene.client.fault("error", status=429, retry_after=3, **SEND)
    queue("one", "two", "three")
    queue("elsewhere", chat=LEO)
    scene.work()

    waits = get("one")
    assert (waits.status, waits.error, waits.attempts) == (Status.WAITING, "Telegram asks for patience", 1)
    assert waits.not_before is not None
    assert (texts(scene), texts(scene, LEO)) == ([], ["elsewhere"])
    assert tries(scene) == 1  # what stands behind it is not even tried

    until(lambda: len(texts(scene)) == 3)
    assert texts(scene) == ["one", "two", "three"]
    sent_at = get("one").sent_at
    assert sent_at is not None
    assert sent_at >= waits.not_before


def test_wishes_to_wait_are_granted_however_often(scene: Scene, quick: None) -> None:
    (message,) = queue("one")
    OutboundMessage.objects.filter(pk=message.pk).update(attempts=50)
    message.refresh_from_db()
    queue("elsewhere", chat=LEO)
    scene.work()  # something was sent just now, so Telegram takes messages

    assert tasks._is_hopeless(message, timedelta(seconds=3), clock.now()) is False
    assert tasks._is_hopeless(message, None, clock.now()) is True


# --- 403, chat not found --------------------------------------------------------------------


@pytest.mark.parametrize(
    "refused",
    [
        {"status": 403},
        {"status": 403, "description": "Forbidden: user is deactivated"},
        {"status": 400, "description": "Bad Request: chat not found"},
    ],
    ids=["blocked", "deactivated", "not found"],
)
def test_a_closed_chat_is_marked_and_operations_are_told_once(scene: Scene, refused: dict[str, Any]) -> None:
    scene.client.say(STRANGER, "hello")
    link(factories.user("ops"), STRANGER)
    scene.work()
    told = len(texts(scene, STRANGER))
    scene.client.fault("error", until_off=True, **SEND, **refused)
    queue("one", "two", "three")
    queue("elsewhere", chat=LEO)
    scene.work()

    assert [get(key).status for key in ("one", "two", "three")] == [Status.UNREACHABLE] * 3
    assert [get(key).attempts for key in ("one", "two", "three")] == [1, 1, 1]
    assert TelegramLink.objects.get(telegram_id=TARA).unreachable_at is not None
    assert AuditEvent.objects.filter(name="telegram.unreachable").count() == 1
    assert len(texts(scene, STRANGER)) == told + 1
    assert texts(scene, LEO) == ["elsewhere"]

    scene.client.clear_faults()
    queue("again")
    scene.work()
    assert texts(scene) == ["again"]  # it is tried: the mark keeps nothing back


# --- 400 ------------------------------------------------------------------------------------


def test_what_telegram_refuses_is_kept_with_its_reason_and_the_next_goes_on(scene: Scene) -> None:
    scene.client.fault("error", status=400, description="Bad Request: message is too long", **SEND)
    queue("one", "two")
    scene.work()

    dead = get("one")
    assert (dead.status, dead.error, dead.attempts) == (Status.FAILED, "Message is too long", 1)
    assert list(OutboundMessage.objects.dead()) == [dead]
    assert texts(scene) == ["two"]
    assert TelegramLink.objects.get(telegram_id=TARA).unreachable_at is None


# --- 5xx, nothing, a lost answer ------------------------------------------------------------


def test_the_pauses_grow_up_to_a_minute() -> None:
    pauses = [tasks._backoff(attempts).total_seconds() for attempts in range(1, 9)]

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert tasks._backoff(10_000) == tasks.LONGEST_RETRY


@pytest.mark.parametrize("trouble", [{"kind": "error", "status": 502}, {"kind": "outage"}], ids=["5xx", "nothing"])
def test_one_message_that_never_passes_is_given_up_while_others_do(
    scene: Scene, quick: None, trouble: dict[str, Any]
) -> None:
    scene.client.fault(**trouble, until_off=True, **SEND)
    queue("elsewhere", chat=LEO)
    scene.work()
    queue("one")
    until(lambda: get("one").status == Status.FAILED)
    scene.client.clear_faults()
    queue("two")
    scene.work()

    assert get("one").attempts == tasks.MAX_ATTEMPTS
    assert get("one").error.startswith("Telegram does not answer")
    assert (texts(scene), texts(scene, LEO)) == (["two"], ["elsewhere"])


def test_while_telegram_takes_nothing_from_anybody_nothing_is_given_up(
    scene: Scene, silence: None, quick: None
) -> None:
    scene.client.fault("error", status=502, until_off=True)
    queue("one", "two")
    queue("elsewhere", chat=LEO)
    until(lambda: get("one").attempts > tasks.MAX_ATTEMPTS + 2)
    scene.client.clear_faults()
    until(lambda: len(texts(scene)) == 2 and len(texts(scene, LEO)) == 1)

    assert texts(scene) == ["one", "two"]
    assert not OutboundMessage.objects.dead().exists()


def test_after_a_day_a_message_is_given_up_even_then(scene: Scene, silence: None, quick: None) -> None:
    scene.client.fault("error", status=502, until_off=True)
    queue("one", ago=tasks.LONGEST_WAIT - timedelta(seconds=5))
    until(lambda: get("one").status == Status.FAILED)

    failed = get("one")
    assert failed.error.startswith("Telegram does not answer")
    assert clock.now() - failed.created_at > tasks.LONGEST_WAIT


def test_after_a_day_a_wish_to_wait_is_granted_no_more(scene: Scene) -> None:
    scene.client.fault("error", status=429, retry_after=600, **SEND)
    queue("one", ago=tasks.LONGEST_WAIT + timedelta(seconds=1))
    scene.work()

    assert (get("one").status, get("one").attempts) == (Status.FAILED, 1)


def test_a_lost_answer_is_a_message_twice_and_the_order_stays(scene: Scene, quick: None) -> None:
    scene.client.fault("drop", **SEND)
    queue("one", "two")
    queue("elsewhere", chat=LEO)
    until(lambda: get("two").status == Status.SENT)

    assert texts(scene) == ["one", "one", "two"]
    assert (get("one").attempts, get("two").attempts) == (2, 1)
    assert texts(scene, LEO) == ["elsewhere"]


def test_a_lost_answer_to_an_edit_shows_once(scene: Scene, quick: None) -> None:
    queue("before")
    scene.work()
    written = get("before").message_id
    scene.client.fault("drop", method="editMessageText", chat_id=TARA)
    payload = {"text": "after", "message_id": written}
    edit = OutboundMessage(key="edit", chat_id=TARA, method=Method.EDIT, payload=payload)
    operations.queue_messages(messages=[edit], now=clock.now())
    until(lambda: get("edit").status == Status.SENT)

    assert texts(scene) == ["after"]
    assert get("edit").attempts == 2


def test_a_wrong_token_gives_nothing_up(scene: Scene, silence: None, quick: None) -> None:
    scene.client.fault("error", status=401, until_off=True)
    queue("one")
    until(lambda: get("one").attempts > tasks.MAX_ATTEMPTS)
    assert "check TELEGRAM_BOT_TOKEN" in get("one").error
    scene.client.clear_faults()
    until(lambda: texts(scene) == ["one"])


def test_whether_telegram_takes_messages_is_told_by_the_last_minute(scene: Scene) -> None:
    assert not queries.anything_sent(since=clock.now())
    queue("one", chat=LEO)
    scene.work()

    assert queries.anything_sent(since=clock.now() - tasks.FLOWS_WITHIN)
    assert not queries.anything_sent(since=clock.now())
