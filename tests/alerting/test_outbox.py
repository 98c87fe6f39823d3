"""What is said arrives in order, once, whatever Telegram answers."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection

from alerting import operations, queries
from alerting.models import LiveCard, OutboundMessage
from tests.bot.scene import LEO, MINA, TARA, Scene, ref_of
from trading.lib import clock
from users.models import TelegramLink

Method = OutboundMessage.Method


def queue(key: str, text: str, chat: int = TARA) -> OutboundMessage:
    message = OutboundMessage(key=key, chat_id=chat, method=Method.SEND, payload={"text": text})
    operations.queue_messages(messages=[message], now=clock.now())
    return OutboundMessage.objects.get(key=key)


def texts(scene: Scene, chat: int = TARA) -> list[str]:
    return [m["text"] for m in scene.screen(chat)]


def test_messages_arrive_in_order_and_the_same_reason_says_nothing_twice(scene: Scene) -> None:
    for number in range(20):
        queue(f"k{number}", f"n{number}")
        queue(f"k{number}", "again")
    scene.work()

    assert texts(scene) == [f"n{number}" for number in range(20)]
    assert not OutboundMessage.objects.exclude(status="sent").exists()


def test_retry_after_is_honoured_for_the_whole_chat_and_for_no_other(scene: Scene) -> None:
    scene.client.fault("error", status=429, retry_after=1, method="sendMessage", chat_id=TARA)
    began = clock.now()
    queue("a", "first")
    queue("b", "second")
    queue("c", "elsewhere", LEO)
    scene.work()

    assert texts(scene) == []
    assert texts(scene, LEO) == ["elsewhere"]
    scene.until(lambda: len(texts(scene)) == 2)
    assert texts(scene) == ["first", "second"]
    first = OutboundMessage.objects.get(key="a")
    assert first.sent_at is not None
    assert first.sent_at - began >= timedelta(seconds=1)
    assert first.attempts == 2


@pytest.mark.parametrize(("kind", "status"), [("error", 500), ("error", 502), ("drop", 0)])
def test_trouble_of_the_moment_is_tried_again(scene: Scene, kind: str, status: int) -> None:
    details = {"status": status} if status else {}
    scene.client.fault(kind, method="sendMessage", chat_id=TARA, **details)
    queue("a", "hello")
    scene.until(lambda: OutboundMessage.objects.get(key="a").status == "sent")

    assert texts(scene)[-1] == "hello"
    # An answer that got lost may have been an act: a message twice is better than one lost.
    assert len(texts(scene)) == (2 if kind == "drop" else 1)


def test_blocked_bot_marks_link_and_message_and_writing_again_mends_it(scene: Scene) -> None:
    scene.client.block(TARA)
    queue("a", "hello")
    scene.work()

    assert OutboundMessage.objects.get(key="a").status == "unreachable"
    assert TelegramLink.objects.get(telegram_id=TARA).unreachable_at is not None

    scene.client.unblock(TARA)
    scene.turn()
    assert TelegramLink.objects.get(telegram_id=TARA).unreachable_at is None


def test_blocking_is_heard_even_when_nothing_is_sent(scene: Scene) -> None:
    scene.client.block(LEO)
    scene.turn()

    assert TelegramLink.objects.get(telegram_id=LEO).unreachable_at is not None


def test_message_telegram_never_takes_fails_and_lets_the_next_pass(scene: Scene) -> None:
    queue("a", "<b>not closed")
    queue("b", "fine")
    scene.work()

    failed = OutboundMessage.objects.get(key="a")
    assert failed.status == "failed"
    assert failed.error
    assert texts(scene) == ["fine"]


def test_message_left_by_a_killed_worker_is_sent(scene: Scene) -> None:
    message = OutboundMessage(key="a", chat_id=TARA, method=Method.SEND, payload={"text": "hello"})
    message.created_at = clock.now()
    message.save()
    operations.claim_message(message=message, now=clock.now())

    operations.resume_chats(updates=[], messages=[TARA])
    scene.work()

    assert texts(scene) == ["hello"]


def test_unchanged_card_costs_no_call(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    card = LiveCard.objects.get(chat_id=TARA)
    version = scene.client.changes(TARA)["version"]
    for number in range(3):
        refresh(scene, card, f"again-{number}")
    scene.work()

    assert scene.client.changes(TARA)["version"] == version
    assert OutboundMessage.objects.filter(key__startswith="again", status="sent").count() == 3


def test_edit_that_changes_nothing_is_a_success(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    card = LiveCard.objects.get(chat_id=TARA)
    LiveCard.objects.filter(pk=card.pk).update(digest="something else")
    refresh(scene, card, "again")
    scene.work()

    assert OutboundMessage.objects.get(key="again").status == "sent"
    assert LiveCard.objects.get(pk=card.pk).digest == card.digest


def test_card_whose_message_is_gone_is_sent_anew(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    card = LiveCard.objects.get(chat_id=TARA)
    LiveCard.objects.filter(pk=card.pk).update(digest="", message_id=4_000)
    refresh(scene, card, "again")
    scene.work()

    assert LiveCard.objects.get(pk=card.pk).message_id == scene.card(TARA)["message_id"]


def test_late_delivery_shows_the_present_not_the_past(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    scene.client.fault("error", status=429, retry_after=4, method="editMessageText", chat_id=TARA)
    ref = ref_of(scene.card(TARA))
    scene.say(LEO, f"/quote {ref} 0.9300")
    scene.say(MINA, f"/quote {ref} 0.9200")
    assert "Waiting" in scene.card(TARA)["text"]
    scene.until(lambda: "0.9219" in scene.card(TARA)["text"], seconds=12)

    shown = OutboundMessage.objects.filter(chat_id=TARA, method=Method.CARD, attempts__gt=0).order_by("pk")
    assert [(message.status, message.attempts) for message in shown] == [("sent", 1), ("sent", 2), ("sent", 1)]
    assert len(scene.screen(TARA)) == 2  # the echo and one card


def test_closed_card_is_never_edited_again(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    scene.press(TARA, scene.card(TARA), "Cancel")
    card = LiveCard.objects.get(chat_id=TARA)
    assert card.closed_at is not None
    LiveCard.objects.filter(pk=card.pk).update(digest="")
    version = scene.client.changes(TARA)["version"]
    refresh(scene, card, "again")
    scene.work()

    assert scene.client.changes(TARA)["version"] == version


def test_event_dispatched_twice_says_nothing_twice(scene: Scene) -> None:
    from alerting import routing  # noqa: PLC0415 - what is tested
    from users.models import AuditEvent  # noqa: PLC0415 - likewise

    earlier = AuditEvent.objects.latest("pk").pk
    scene.say(TARA, "/rfq buy 10000 EUR")
    before = OutboundMessage.objects.count()
    for event in AuditEvent.objects.filter(pk__gt=earlier):
        routing.dispatch(event.pk, now=clock.now())

    assert OutboundMessage.objects.count() == before


def test_database_refuses_steps_the_table_lacks(db: None) -> None:
    message = OutboundMessage(key="a", chat_id=1, method=Method.SEND, payload={}, created_at=clock.now())
    message.save()
    with pytest.raises(IntegrityError, match="has no step"), connection.cursor() as cursor:
        cursor.execute("update alerting_outboundmessage set status = 'sent', sent_at = now()")


def test_heartbeat_is_one_row_per_process(db: None) -> None:
    operations.beat(name="bot", now=clock.now())
    operations.beat(name="bot", now=clock.now())

    assert list(queries.heartbeats()) == ["bot"]


def refresh(scene: Scene, card: LiveCard, key: str) -> None:
    message = OutboundMessage(
        key=key, chat_id=card.chat_id, user_id=card.user_id, method=Method.CARD, payload={"subject": card.subject}
    )
    operations.queue_messages(messages=[message], now=clock.now())
