"""A token that Telegram does not know ends the bot, once, with a sentence and a number of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any

import pytest
from django.conf import settings as desk_settings

from alerting import queries
from tests.bot.test_polling import listens, polled
from tests.crash.running import environment
from trading.bot import polling, tokens, watching
from trading.bot.tokens import WrongToken
from trading.sandbox.telegram.client import SandboxClient


@pytest.fixture
def sandbox(db: None, telegram: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> SandboxClient:
    monkeypatch.setattr(tokens, "SECOND_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.05)
    telegram.reset()
    return telegram


def calls(sandbox: SandboxClient) -> list[str]:
    return [call["method"] for call in sandbox.state()["calls"]]


async def ended(work: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(15):
        await work


def test_poller_asks_twice_and_ends(sandbox: SandboxClient, settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = "1:somebody-elses"

    with pytest.raises(WrongToken, match="set TELEGRAM_BOT_TOKEN to the one from @BotFather"):
        asyncio.run(ended(polling.Poller().run()))

    assert calls(sandbox) == ["getMe", "getMe"]
    assert "bot" not in queries.heartbeats()


def test_keeper_of_the_webhook_asks_twice_and_ends(sandbox: SandboxClient, settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = "1:somebody-elses"
    settings.TELEGRAM_WEBHOOK_URL = "https://desk.example/telegram/webhook/"

    with pytest.raises(WrongToken):
        asyncio.run(ended(watching.watch()))

    assert calls(sandbox) == ["getMe", "getMe"]


def test_refused_once_it_goes_on(sandbox: SandboxClient, caplog: Any) -> None:
    sandbox.fault("error", status=401, method="getMe", times=1)

    asyncio.run(polled(listens))

    assert [record.message for record in caplog.records] == [f"{tokens.REFUSED_ONCE}. Trying again."]


def test_who_cannot_ask_again_goes_on(sandbox: SandboxClient) -> None:
    sandbox.fault("error", status=401, method="getMe", times=1)
    sandbox.fault("error", status=502, method="getMe", times=1)

    asyncio.run(polled(listens))


@pytest.mark.processes
@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("1:somebody-elses", f"CommandError: {tokens.WRONG_TOKEN}. The bot ends."),
        ("", "CommandError: TELEGRAM_BOT_TOKEN is not set: get one from @BotFather, or use `make run`."),
    ],
    ids=["wrong", "none"],
)
def test_process_ends_with_one_sentence_and_the_number_of_a_wrong_configuration(
    sandbox: SandboxClient, token: str, sentence: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "bot"],
        cwd=desk_settings.BASE_DIR, env=environment() | {"TELEGRAM_BOT_TOKEN": token},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.returncode == os.EX_CONFIG
    assert ran.stderr.strip().splitlines() == [sentence]
    assert "somebody-elses" not in ran.stdout
