"""Flagged off deliveries are told to operations once in a window, exactly, and what was held back is told next."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from alerting.flagged_off import Verdict, look_at_flagged_off
from alerting.models import Alert, OutboundMessage
from tests import factories
from tests.bot.scene import STRANGER, TARA, Scene, link
from tests.concurrency.threads import at_once
from tests.factories import Market
from trading.lib import clock
from users.models import AuditEvent, User

OLGA = STRANGER
WINDOW = timedelta(seconds=900)
NOON = factories.NOON


def flagged_off(market: Market, number: int) -> None:
    for _each in range(number):
        assert factories.fill(market).settlement.status == "flagged_off"


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(name="alert.flagged_off").order_by("pk"))


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(flag_on=False)


def test_nothing_flagged_off_is_no_news(market: Market) -> None:
    assert look_at_flagged_off(now=NOON) == Verdict.QUIET
    assert events() == []


def test_below_the_threshold_nobody_is_told(market: Market, settings: Any) -> None:
    settings.FLAGGED_OFF_ALERT_FROM = 3
    flagged_off(market, 2)
    assert look_at_flagged_off(now=NOON) == Verdict.QUIET

    flagged_off(market, 1)

    assert look_at_flagged_off(now=NOON) == Verdict.TOLD
    assert events()[0].after["count"] == 3


def test_once_in_a_window_and_the_next_tells_how_many_were_held_back(market: Market) -> None:
    flagged_off(market, 1)

    looks = [look_at_flagged_off(now=NOON + timedelta(minutes=minute)) for minute in range(31)]

    assert [minute for minute, verdict in enumerate(looks) if verdict == Verdict.TOLD] == [0, 15, 30]
    assert [event.after["held_back"] for event in events()] == [0, 14, 14]
    alert = Alert.objects.get()
    assert (alert.told, alert.held_back, alert.held_back_since) == (3, 28, 0)


def test_sixteen_who_look_at_once_tell_it_once(market: Market) -> None:
    flagged_off(market, 1)

    for turn in range(4):  # the first of a window, the last before its end, the first of the next, and one of old
        at = NOON + [timedelta(0), WINDOW - timedelta(seconds=1), WINDOW, timedelta(0)][turn]
        verdicts = Counter(at_once([partial(look_at_flagged_off, now=at)] * 16))
        wanted = {Verdict.HELD_BACK: 16} if turn % 2 else {Verdict.TOLD: 1, Verdict.HELD_BACK: 15}
        assert verdicts == wanted, turn

    assert [event.after["held_back"] for event in events()] == [0, 31]
    assert Alert.objects.get().held_back_since == 31


def test_what_is_told_and_what_is_held_back_is_in_the_metrics(market: Market, client: Any) -> None:
    flagged_off(market, 2)
    for minute in range(3):
        look_at_flagged_off(now=NOON + timedelta(minutes=minute))

    page = client.get("/metrics").content.decode()

    assert 'desk_alerts_sent_total{type="flagged_off"} 1.0' in page
    assert 'desk_alerts_suppressed_total{type="flagged_off"} 2.0' in page
    assert 'desk_flagged_off{reason="auto_settlement_off"} 2.0' in page


# --- what people read -----------------------------------------------------------------------


def hears(scene: Scene, user: User) -> None:
    scene.say(OLGA, "/start")
    link(user, OLGA)


def told(scene: Scene) -> list[str]:
    rows = OutboundMessage.objects.filter(key__startswith="event:", chat_id=OLGA, method="send").order_by("pk")
    return [row.payload["text"] for row in rows]


def off(scene: Scene) -> None:
    """The scene's flag is on; one person turns it off."""
    from settlement import operations  # noqa: PLC0415 - one use

    operations.turn_flag_off(actor=factories.user("ops"), reason=factories.REASON, now=clock.now())


def test_operations_read_the_number_and_what_to_do(scene: Scene) -> None:
    hears(scene, factories.user("ops", username="olga"))
    off(scene)
    flagged_off(scene.market, 2)

    look_at_flagged_off(now=clock.now())
    look_at_flagged_off(now=clock.now())
    look_at_flagged_off(now=clock.now() + WINDOW)
    scene.work()

    first, second = told(scene)
    assert first.startswith("⚠️ <b>2 deliveries are flagged off</b>\nThe oldest waits since")
    assert "Automatic settlement is off." in first
    assert "held back" not in first
    assert second.endswith("Since the last alert 1 was held back.")
    assert [text for text in map(str, scene.look(TARA)) if "flagged off" in text] == []


def test_it_is_told_in_ones_own_language(scene: Scene) -> None:
    hears(scene, factories.user("ops", language="fa"))
    off(scene)
    flagged_off(scene.market, 1)

    look_at_flagged_off(now=clock.now())
    scene.work()

    (text,) = told(scene)
    assert "تحویل کنار گذاشته شده است" in text
    assert "تسویهٔ خودکار خاموش است." in text


@pytest.mark.parametrize("role", ["approver", "auditor", "admin"])
def test_others_of_the_desk_hear_nothing(scene: Scene, role: str) -> None:
    hears(scene, factories.user(role))
    off(scene)
    flagged_off(scene.market, 1)

    look_at_flagged_off(now=clock.now())
    scene.work()

    assert told(scene) == []
