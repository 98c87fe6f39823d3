"""The bot, or the worker that answers, killed with `kill -9` while messages arrive: none lost, none handled twice."""

import signal
import threading
import time

import pytest

from alerting import queries
from alerting.models import InboundUpdate, OutboundMessage
from rfq.models import Rfq
from tests import factories
from tests.bot.scene import TARA, link
from tests.crash.running import process, wait_for
from trading.lib import clock
from trading.sandbox.telegram.client import SandboxClient

MESSAGES = 50
KILLS = 4


def stored() -> int:
    return InboundUpdate.objects.count()


@pytest.mark.processes
def test_bot_killed_while_messages_arrive_loses_none_and_repeats_none(db: None, telegram: SandboxClient) -> None:
    telegram.reset()
    written, done = [0], threading.Event()

    def keep_writing() -> None:
        while written[0] < MESSAGES or not done.is_set():
            telegram.say(TARA, f"message {written[0]}")
            written[0] += 1
            time.sleep(0.1)

    writing = threading.Thread(target=keep_writing)
    writing.start()
    for number in range(KILLS):
        with process("bot") as bot:
            before = stored()
            wait_for(lambda before=before: stored() > before)  # type: ignore[misc]
            time.sleep(0.1 * number)
            bot.send_signal(signal.SIGKILL)
    done.set()
    writing.join()
    killed_at = clock.now()
    with process("bot") as bot:
        wait_for(lambda: stored() == written[0] and queries.heartbeats()["bot"] > killed_at)
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(10) == 0

    texts = [update.payload["message"]["text"] for update in InboundUpdate.objects.order_by("update_id")]
    assert texts == [f"message {number}" for number in range(written[0])]


@pytest.mark.processes
def test_worker_killed_while_it_answers_repeats_nothing(db: None, telegram: SandboxClient) -> None:
    telegram.reset()
    market = factories.market()
    link(market.tara, TARA)
    with process("bot"):
        wait_for(lambda: "bot" in queries.heartbeats())
        write(telegram, MESSAGES)
        wait_for(lambda: stored() == MESSAGES)
    for _ in range(2):
        with process("worker") as worker:
            before = handled()
            wait_for(lambda before=before: handled() > before + 5)  # type: ignore[misc]
            worker.send_signal(signal.SIGKILL)
    assert handled() < MESSAGES, "the kills came too late to prove anything"
    killed_at = clock.now()
    with process("worker") as worker:
        wait_for(lambda: "worker" in queries.heartbeats() and queries.heartbeats()["worker"] > killed_at)
        wait_for(lambda: handled() == MESSAGES and unsent() == 0)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    amounts = list(Rfq.objects.order_by("pk").values_list("base_amount", flat=True))
    assert [int(amount or 0) for amount in amounts] == [500 + number for number in range(MESSAGES)]
    answers = [m["text"] for m in telegram.messages(TARA) if m["text"].startswith("Understood")]
    # A message whose answer a killed worker did not live to hear may be sent again, never be missing.
    assert len(set(answers)) == MESSAGES
    assert len(answers) <= MESSAGES + 2


def handled() -> int:
    return InboundUpdate.objects.filter(status="handled").count()


def unsent() -> int:
    return OutboundMessage.objects.filter(chat_id=TARA).exclude(status="sent").count()


def write(telegram: SandboxClient, count: int) -> None:
    for number in range(count):
        telegram.say(TARA, f"/rfq sell {500 + number} USDT EUR")
