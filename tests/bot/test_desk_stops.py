"""The desk's people in the chat: how the desk is, and stopping what must not go on."""

import pytest

from rfq.models import LpTerms, MarketState, Pair
from tests import factories
from tests.bot.scene import LEO, STRANGER, TARA, Json, Scene, buttons, link, token_of
from trading.lib import clock
from users import operations as user_operations
from users.models import AuditEvent, Role, User

OLGA = STRANGER
REASON = "The reference of this pair looks wrong."


@pytest.fixture
def olga(scene: Scene) -> User:
    """Somebody of operations, in Telegram."""
    user = factories.user("ops")
    link(user, OLGA)
    scene.work()
    return user


def chosen(scene: Scene, what: str) -> Json:
    """Up to the last look at stopping this."""
    scene.say(OLGA, "/pause")
    scene.press(OLGA, scene.screen(OLGA)[-1], what)
    scene.say(OLGA, REASON)
    return scene.screen(OLGA)[-1]


@pytest.mark.usefixtures("olga")
def test_health_says_how_all_parts_are(scene: Scene) -> None:
    text = scene.say(OLGA, "/health")[-1]["text"]

    for words in ("Database", "worker:", "bot:", "Jobs:", "Automatic settlement: on", "0 stuck", "USDT/EUR: reference"):
        assert words in text
    assert scene.market.wallet.name in text


def test_traders_and_dealers_have_neither(scene: Scene) -> None:
    assert "roles do not allow" in scene.say(TARA, "/health")[-1]["text"]
    assert "roles do not allow" in scene.say(LEO, "/health")[-1]["text"]
    assert "/freeze" in scene.say(TARA, "/pause")[-1]["text"]


def test_a_pair_is_stopped_by_one_person_with_a_reason(scene: Scene, olga: User) -> None:
    scene.say(OLGA, "/pause")
    first = scene.screen(OLGA)[-1]
    assert buttons(first)[:2] == ["The whole desk", "USDT/EUR"]
    assert scene.market.meridian.name in buttons(first)
    scene.press(OLGA, first, "USDT/EUR")
    assert "Why?" in scene.screen(OLGA)[-1]["text"]
    assert "at least 20 characters" in scene.say(OLGA, "because")[-1]["text"]
    (last,) = scene.say(OLGA, REASON)
    assert REASON in last["text"]
    assert Pair.objects.get().is_enabled

    token = token_of(last, "Pause now")
    for _ in range(3):
        scene.client.press(OLGA, last["message_id"], callback_data=token, stale=True)
    scene.turn()
    assert not Pair.objects.get().is_enabled
    event = AuditEvent.objects.get(name="pair.paused")
    assert (event.actor, event.reason) == (olga, REASON)
    assert "two people decide" in scene.screen(OLGA)[-1]["text"]
    assert "is paused" in scene.say(TARA, "/rfq buy 10000 EUR")[-1]["text"]


@pytest.mark.usefixtures("olga")
def test_the_desk_and_an_lp_are_stopped_the_same_way(scene: Scene) -> None:
    scene.press(OLGA, chosen(scene, scene.market.meridian.name), "Pause now")
    assert LpTerms.objects.get(lp=scene.market.meridian).paused_at
    scene.press(OLGA, chosen(scene, "The whole desk"), "Pause now")

    assert MarketState.objects.get().paused_at
    assert scene.market.meridian.name not in buttons(scene.say(OLGA, "/pause")[-1])
    assert "The whole desk is paused" in scene.say(OLGA, "/health")[-1]["text"]


@pytest.mark.usefixtures("olga")
def test_cancel_stops_nothing_and_a_command_ends_it(scene: Scene) -> None:
    last = chosen(scene, "USDT/EUR")
    scene.press(OLGA, last, "Cancel")
    assert "Nothing was stopped" in scene.screen(OLGA)[-1]["text"]
    last = chosen(scene, "USDT/EUR")
    scene.say(OLGA, "/health")

    assert "questions are closed" in scene.forge(OLGA, last, token_of(last, "Pause now"))
    assert Pair.objects.get().is_enabled


def test_what_somebody_may_no_longer_do_is_refused_at_the_last_press(scene: Scene, olga: User) -> None:
    last = chosen(scene, "USDT/EUR")
    user_operations.revoke_role(user=olga, role=Role.OPS, actor=None, reason=REASON, now=clock.now())

    assert "roles do not allow" in scene.forge(OLGA, last, token_of(last, "Pause now"))
    assert Pair.objects.get().is_enabled


@pytest.mark.usefixtures("olga")
def test_help_shows_the_desk_its_own(scene: Scene) -> None:
    text = scene.say(OLGA, "/help")[-1]["text"]

    assert "/health" in text
    assert "/rfq" not in text
