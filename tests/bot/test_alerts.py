"""The desk's people see in Telegram what fires and acknowledge it; the bot itself tells that no worker works."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from alerting import transports
from alerting.models import Alert, Heartbeat, OutboundMessage
from tests import factories
from tests.bot.scene import STRANGER, TARA, Scene, buttons, link
from tests.one_thread import in_one_thread
from trading.bot import guarding
from trading.lib import clock
from trading.lib.states import IllegalTransition
from trading.sandbox import alarms
from users.models import User

OLGA = STRANGER


@pytest.fixture
def olga(scene: Scene) -> User:
    scene.say(OLGA, "/start")
    user = factories.user("ops", username="olga")
    link(user, OLGA)
    scene.work()
    return user


def test_what_fires_is_listed_the_worst_first_and_acknowledged_by_its_button(scene: Scene, olga: User) -> None:
    assert "All is well" in scene.say(OLGA, "/alerts")[-1]["text"]
    alarms.simulate("wallet_gas_low", now=clock.now())
    alarms.simulate("transfer_unknown", now=clock.now())
    scene.work()

    listed = scene.say(OLGA, "/alerts")[-1]
    assert listed["text"].index("🔴 Nobody knows whether") < listed["text"].index("⚠️ A wallet is short of coins")
    assert len(buttons(listed)) == 2
    low = Alert.objects.get(type="wallet_gas_low")
    scene.press(OLGA, listed, f"Acknowledge {low.ref}")
    low.refresh_from_db()
    assert (low.status, low.acknowledged_by) == ("acknowledged", olga)
    assert len(buttons(scene.say(OLGA, "/alerts")[-1])) == 1


def test_it_is_not_for_clients_nor_its_button_for_who_only_looks(scene: Scene) -> None:
    assert "roles do not allow" in scene.say(TARA, "/alerts")[-1]["text"]
    scene.say(OLGA, "/start")
    link(factories.user("auditor"), OLGA)
    alarms.simulate("audit_chain_broken", now=clock.now())
    scene.work()
    (told,) = [one for one in scene.screen(OLGA) if "The evidence is not whole" in one["text"]]
    assert buttons(told) == buttons(scene.say(OLGA, "/alerts")[-1]) == []


def messages() -> list[str]:
    rows = OutboundMessage.objects.filter(chat_id=OLGA, method="send").order_by("pk")
    return [row.status for row in rows if "The worker is silent" in row.payload["text"]]


def look(*, now: datetime) -> None:
    """What the bot's process does every few seconds, with a connection that ends with it."""

    async def once() -> None:
        with in_one_thread(asyncio.get_running_loop()), suppress(IllegalTransition):  # the scene's worker was quicker
            try:
                await guarding.look(now=now)
            finally:
                await transports.close()

    asyncio.run(once())


def test_bot_tells_by_itself_that_no_worker_works(scene: Scene, olga: User) -> None:
    Heartbeat.objects.create(name="worker", at=clock.now())
    look(now=clock.now() + timedelta(seconds=50))
    assert not Alert.objects.exists()

    look(now=clock.now() + timedelta(seconds=120))
    scene.until(lambda: messages() == ["sent"])
    assert [one for one in scene.screen(OLGA) if "The worker is silent" in one["text"]]
    Heartbeat.objects.update(at=clock.now() + timedelta(seconds=130))
    look(now=clock.now() + timedelta(seconds=140))
    assert Alert.objects.get().status == "resolved"
