"""What is heard is stored before it is acknowledged, handled in order, and once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from alerting import inbox, operations, tasks
from alerting.inbox import Outgoing
from alerting.models import InboundUpdate, OutboundMessage
from rfq.models import Rfq
from tests import factories, jobs
from tests.bot.scene import LEO, TARA, Scene, link
from trading.lib import clock
from trading.lib.states import IllegalTransition

CHAT = 7001


def raw(update_id: int, text: str = "hello", chat: int = CHAT) -> dict[str, Any]:
    person = {"id": chat, "is_bot": False, "first_name": "T"}
    message = {
        "message_id": update_id,
        "date": 0,
        "chat": {"id": chat, "type": "private"},
        "from": person,
        "text": text,
    }
    return {"update_id": update_id, "message": message}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A handler that only remembers."""
    seen: list[int] = []

    async def remember(payload: inbox.Payload) -> Sequence[Outgoing]:
        seen.append(payload["update_id"])
        return []

    monkeypatch.setattr(inbox, "_handlers", [remember])
    return seen


def handle(chat: int = CHAT) -> None:
    asyncio.run(tasks.handle_chat.func(chat_id=chat))


def store(*updates: dict[str, Any]) -> None:
    operations.store_updates(updates=list(updates), now=clock.now())


def test_update_stored_twice_is_one_update(db: None, heard: list[int]) -> None:
    store(raw(1), raw(2))
    store(raw(2), raw(1))
    handle()
    store(raw(1))
    handle()

    assert heard == [1, 2]
    assert jobs.names() == ["alerting.handle_chat"]


def test_updates_of_a_chat_are_handled_in_telegrams_order(db: None, heard: list[int]) -> None:
    store(raw(9), raw(12))
    store(raw(10), raw(11, chat=8))
    handle()

    assert heard == [9, 10, 12]


def test_storing_rolls_back_with_its_job(db: None) -> None:
    with pytest.raises(KeyError):
        store(raw(1), {"no": "id"})

    assert not InboundUpdate.objects.exists()
    assert jobs.names() == []


def test_update_of_unknown_kind_is_kept_and_handled(db: None) -> None:
    operations.store_updates(updates=[{"update_id": 5, "poll": {"id": "1"}}], now=clock.now())

    assert InboundUpdate.objects.get().chat_id == 0


def test_failing_update_is_tried_again_then_given_up_and_its_sender_told(db: None, monkeypatch: Any) -> None:
    seen: list[int] = []

    async def fail_on_one(payload: inbox.Payload) -> Sequence[Outgoing]:
        seen.append(payload["update_id"])
        if payload["update_id"] == 1:
            raise ValueError("a bug")
        return []

    monkeypatch.setattr(inbox, "_handlers", [fail_on_one])
    monkeypatch.setattr(operations, "RETRY_SECONDS", (0.0,))
    link(factories.user(language="fa"), CHAT)
    store(raw(1), raw(2))
    handle()
    handle()
    assert seen == [1, 1]  # order is kept while it may still succeed
    handle()

    assert seen == [1, 1, 1, 2]
    failed = InboundUpdate.objects.get(update_id=1)
    assert (failed.status, failed.attempts, failed.error) == ("failed", 3, "ValueError: a bug")
    apology = OutboundMessage.objects.get(key="tg:1:0")
    assert "ببخشید" in apology.payload["text"]


def test_failing_update_blocks_its_chat_for_seconds_only(db: None) -> None:
    store(raw(1))
    update = InboundUpdate.objects.get()
    now = clock.now()
    waits = []
    for _ in range(operations.MAX_ATTEMPTS - 1):
        waits.append(operations.postpone_update(update=update, error="x", now=now) - now)
        update.refresh_from_db()

    assert sum(waits, timedelta()) < timedelta(seconds=5)


def test_telegram_being_away_costs_an_update_no_attempt(db: None, monkeypatch: Any) -> None:
    async def away(payload: inbox.Payload) -> Sequence[Outgoing]:
        raise inbox.Unready("no network")

    monkeypatch.setattr(inbox, "_handlers", [away])
    store(raw(1))
    handle()

    update = InboundUpdate.objects.get()
    assert (update.status, update.attempts) == ("waiting", 0)
    assert jobs.names() == ["alerting.handle_chat"] * 2


def test_crash_between_the_act_and_the_marking_repeats_nothing(scene: Scene, monkeypatch: Any) -> None:
    finish = operations.finish_update
    crashes: list[bool] = []

    def crash_once(**arguments: Any) -> None:
        if not crashes:
            crashes.append(True)
            raise SystemError("killed here")
        finish(**arguments)

    monkeypatch.setattr(operations, "finish_update", crash_once)
    scene.client.say(TARA, "/rfq buy 10000 EUR")
    scene.store()
    scene.until(lambda: crashes)
    operations.resume_chats(updates=[TARA], messages=[])
    scene.until(lambda: not InboundUpdate.objects.filter(status="waiting").exists())

    assert Rfq.objects.count() == 1
    assert len([m for m in scene.screen(LEO) if m["text"].startswith("RFQ-")]) == 1


def test_duplicate_late_and_reordered_deliveries_do_everything_once(scene: Scene) -> None:
    scene.client.fault("duplicate", chat_id=TARA)
    scene.client.say(TARA, "/rfq buy 10000 EUR")
    scene.client.fault("reorder", chat_id=TARA)
    scene.client.say(TARA, "/rfq buy 20000 EUR")
    scene.client.say(TARA, "/rfq buy 30000 EUR")
    for _ in range(4):
        scene.turn()

    assert sorted(int(rfq.quote_amount or 0) for rfq in Rfq.objects.all()) == [10_000, 20_000, 30_000]
    assert len(scene.screen(TARA)) == 6


def test_database_refuses_to_handle_twice_or_to_rewrite(db: None, heard: list[int]) -> None:
    store(raw(1))
    stale = InboundUpdate.objects.get()
    handle()

    with pytest.raises(IllegalTransition):
        operations.finish_update(update=stale, answers=[], now=clock.now())
    with pytest.raises(IntegrityError, match="has no step"), connection.cursor() as cursor:
        cursor.execute("update alerting_inboundupdate set status = 'waiting'")
    with pytest.raises(Exception, match="may only change"), connection.cursor() as cursor:
        cursor.execute("update alerting_inboundupdate set payload = '{}'")


def test_forgotten_chat_gets_its_job_back(db: None, heard: list[int]) -> None:
    operations.store_updates(updates=[raw(1)], now=clock.now() - timedelta(minutes=5))
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")

    tasks.resume.func(0)

    assert jobs.names() == ["alerting.handle_chat"]


def test_what_was_heard_and_said_is_forgotten_after_a_month(db: None, heard: list[int]) -> None:
    operations.store_updates(updates=[raw(1), raw(2)], now=clock.now() - timedelta(days=31))
    store(raw(3))
    handle()
    store(raw(4))

    operations.forget_old(now=clock.now())

    assert set(InboundUpdate.objects.values_list("update_id", flat=True)) == {3, 4}
