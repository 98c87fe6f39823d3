"""The poller: acknowledges only what is stored, leads alone, and survives whatever is away."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings as desk_settings

from alerting import queries
from alerting.models import InboundUpdate
from tests.bot.scene import TARA
from trading.bot import polling, tokens
from trading.bot.registry import menu_of
from trading.lib import threads
from trading.sandbox.telegram.client import SandboxClient


@pytest.fixture
def sandbox(db: None, telegram: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> SandboxClient:
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(polling, "LEADER_SECONDS", 0.05)
    monkeypatch.setattr(tokens, "SECOND_LOOK_SECONDS", 0.05)
    telegram.reset()
    return telegram


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await threads.run(condition):  # noqa: ASYNC110 - another process's doing, no event tells
            await asyncio.sleep(0.03)


async def polled(*steps: Callable[[], Any] | Callable[[], bool], pollers: int = 1) -> None:
    """Run pollers while the steps are done; a step that answers false is asked again."""
    running = [asyncio.create_task(polling.Poller().run()) for _ in range(pollers)]
    try:
        for step in steps:
            await until(lambda step=step: step() is not False)  # type: ignore[misc]
    finally:
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def stored(count: int) -> Callable[[], bool]:
    return lambda: InboundUpdate.objects.count() == count


def listens() -> bool:
    return "bot" in queries.heartbeats()


def test_updates_are_stored_acknowledged_and_the_heart_beats(sandbox: SandboxClient) -> None:
    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "one"), lambda: sandbox.say(TARA, "two"), stored(2)))
    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "three"), stored(3)))

    assert [update.payload["message"]["text"] for update in InboundUpdate.objects.order_by("update_id")] == [
        "one",
        "two",
        "three",
    ]


def test_what_cannot_be_stored_is_not_acknowledged(sandbox: SandboxClient, monkeypatch: Any) -> None:
    from django.db import OperationalError  # noqa: PLC0415 - raised here only

    from alerting import operations  # noqa: PLC0415 - patched here only

    store, faults = operations.store_updates, iter([True, True])

    def fail_twice(**arguments: Any) -> None:
        if next(faults, False):
            raise OperationalError("the server closed the connection")
        store(**arguments)

    monkeypatch.setattr(operations, "store_updates", fail_twice)
    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "one"), stored(1)))


def test_lost_answer_is_fetched_again(sandbox: SandboxClient) -> None:
    sandbox.fault("lost")
    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "one"), stored(1)))


def test_second_poller_waits_with_one_sentence(sandbox: SandboxClient, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "desk.bot")
    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "one"), stored(1), pollers=2))

    said = [record.message for record in caplog.records]
    assert said.count("Another process polls with this token; waiting until it ends.") == 1
    assert sum("listens" in line for line in said) == 1
    assert not [line for line in said if "somebody else" in line]


def test_second_poller_takes_over_when_the_first_ends(sandbox: SandboxClient) -> None:
    async def handed_over() -> None:
        first = asyncio.create_task(polling.Poller().run())
        await until(listens)
        second = asyncio.create_task(polling.Poller().run())
        await polled_once(sandbox, "one")
        await ended(first)
        await polled_once(sandbox, "two")
        await ended(second)

    asyncio.run(handed_over())


async def polled_once(sandbox: SandboxClient, text: str) -> None:
    before = await threads.run(InboundUpdate.objects.count)
    await threads.run(sandbox.say, TARA, text)
    await until(lambda: InboundUpdate.objects.count() == before + 1)


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (409, "somebody else polls with this token"),
        (401, "refused the token and then knew it again"),
        (502, "Telegram does not answer"),
    ],
)
def test_trouble_is_one_clear_line_and_it_goes_on(sandbox: SandboxClient, caplog: Any, status: int, words: str) -> None:
    caplog.set_level(logging.INFO, "desk.bot")
    sandbox.fault("error", status=status, method="getUpdates", times=3)
    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "one"), stored(1)))

    lines = [record.message for record in caplog.records if words in record.message]
    assert len(lines) == 1
    assert not [record for record in caplog.records if record.exc_info]
    assert "the bot is back" in [record.message for record in caplog.records]


def test_network_away_is_one_clear_line(db: None, settings: Any, caplog: Any) -> None:
    settings.TELEGRAM_API_URL = "http://127.0.0.1:9"

    def told() -> bool:
        return any("Telegram does not answer at http://127.0.0.1:9" in record.message for record in caplog.records)

    asyncio.run(polled(told))
    assert not [record for record in caplog.records if desk_settings.TELEGRAM_BOT_TOKEN in record.getMessage()]


def test_commands_are_in_the_menu_of_every_language(sandbox: SandboxClient) -> None:
    from alerting.telegram import new_bot  # noqa: PLC0415 - asked as a person's app would

    async def menu(code: str) -> dict[str, str]:
        async with new_bot() as bot:
            return {command.command: command.description for command in await bot.get_my_commands(language_code=code)}

    asyncio.run(polled(listens))
    english, persian = asyncio.run(menu("")), asyncio.run(menu("fa"))
    assert set(english) == set(persian) == {name for name, _words in menu_of(None)}
    assert persian["help"] != english["help"]
