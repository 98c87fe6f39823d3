"""A queue that is long, or where the oldest does not move, is told to operations once in a window."""

from datetime import timedelta

import pytest

from alerting import queue_length
from alerting.flagged_off import Verdict
from alerting.models import OutboundMessage
from alerting.queue_length import look_at_queue
from alerting.thresholds import QUEUE_OLDEST, QUEUE_WINDOW
from settlement.models import Settlement
from tests import factories
from tests.bot.scene import STRANGER, Scene, link
from trading.lib import clock
from users.models import AuditEvent


def test_queue_that_is_long_or_stands_is_told_once_in_a_window(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.say(STRANGER, "/start")
    link(factories.user("ops", username="olga"), STRANGER)
    now = clock.now()
    assert look_at_queue(now=now) == Verdict.QUIET
    factories.fill(scene.market)
    factories.fill(scene.market)
    assert Settlement.objects.filter(status="approved").count() == 2
    assert look_at_queue(now=now) == Verdict.QUIET

    monkeypatch.setattr(queue_length, "QUEUE_LENGTH", 2)
    looks = [look_at_queue(now=now + timedelta(minutes=minute)) for minute in range(15)]
    assert looks == [Verdict.TOLD] + [Verdict.HELD_BACK] * 14
    assert AuditEvent.objects.get(name="alert.settlement_queue").after == {"count": 2, "oldest": "", "held_back": 0}

    monkeypatch.setattr(queue_length, "QUEUE_LENGTH", 50)
    assert look_at_queue(now=clock.now() + QUEUE_WINDOW + QUEUE_OLDEST) == Verdict.TOLD
    scene.work()
    rows = OutboundMessage.objects.filter(key__startswith="event:", chat_id=STRANGER, method="send").order_by("pk")
    first, second = [row.payload["text"] for row in rows if "wait" in row.payload["text"]]
    assert first.startswith("⚠️ <b>2 settlements wait</b>\nLook at the worker first")
    assert "One that should move by itself has not since" in second
    assert second.endswith("Since the last alert 14 were held back.")
