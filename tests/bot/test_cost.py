"""What one command costs the database: round trips, so that no layer can hide a query."""

import asyncio
from typing import Any

import pytest

from alerting import operations, tasks
from alerting.models import InboundUpdate, OutboundMessage
from tests import factories
from tests.alerting.test_inbox import raw
from tests.bot.scene import TARA, link
from tests.one_thread import in_one_thread
from trading.lib import clock
from trading.sandbox.bench.trips import Counted
from trading.sandbox.telegram.client import SandboxClient

HANDLED, ANSWERED = 13, 10


@pytest.fixture
def tara(db: None, telegram: SandboxClient) -> int:
    """A client's trader in Telegram, of a desk that keeps its connections as in production."""
    telegram.reset()
    link(factories.market().tara, TARA)
    return TARA


def test_a_command_costs_a_fixed_number_of_round_trips(tara: int, round_trips: Any) -> None:
    async def cost(job: Any) -> int:
        loop = asyncio.get_running_loop()
        counting = round_trips()
        counted: Counted = await loop.run_in_executor(None, counting.__enter__)
        await job(chat_id=tara)
        await loop.run_in_executor(None, counting.__exit__, None, None, None)
        return counted.total

    async def costs() -> list[tuple[int, int]]:
        found = []
        with in_one_thread(asyncio.get_running_loop()):
            for number in range(1, 4):
                update = raw(number, "/balance", chat=tara)
                await asyncio.to_thread(operations.store_updates, updates=[update], now=clock.now())
                found.append((await cost(tasks.handle_chat.func), await cost(tasks.deliver.func)))
        return found

    _first, *others = asyncio.run(costs())

    assert InboundUpdate.objects.filter(status="handled").count() == 3
    assert OutboundMessage.objects.filter(status="sent", key__startswith="tg:").count() == 3
    for handled, answered in others:
        assert handled <= HANDLED
        assert answered <= ANSWERED
