"""How the bot presents itself: in every language, set only where it is not so yet, and never in the way of trading."""

import asyncio
from typing import Any

import httpx
import pytest
from django.conf import settings as desk_settings
from django.utils import translation

from alerting.telegram import new_bot
from tests.bot.scene import NAVID, STRANGER, TARA
from tests.bot.test_polling import listens, polled, stored
from trading.bot import polling, profile
from trading.bot.registry import menu_of
from trading.sandbox.telegram.client import SandboxClient

LANGUAGES = [code for code, _name in desk_settings.LANGUAGES]
SETS = ("setMyCommands", "setMyName", "setMyShortDescription", "setMyDescription")


@pytest.fixture
def sandbox(db: None, telegram: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> SandboxClient:
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.05)
    telegram.reset()
    return telegram


def presented() -> None:
    async def present() -> None:
        async with new_bot() as bot:
            await profile.present(bot)

    asyncio.run(present())


def shown(code: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    """What a person with this language sees."""

    async def ask() -> tuple[str, str, str, list[tuple[str, str]]]:
        async with new_bot() as bot:
            name = (await bot.get_my_name(code)).name
            about = (await bot.get_my_short_description(code)).short_description
            description = (await bot.get_my_description(code)).description
            commands = await bot.get_my_commands(language_code=code)
            return name, about, description, [(one.command, one.description) for one in commands]

    return asyncio.run(ask())


def sets(sandbox: SandboxClient) -> list[str]:
    return [call["method"] for call in sandbox.state()["calls"] if call["method"] in SETS]


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_language_has_its_own_within_the_limits_of_telegram(sandbox: SandboxClient, code: str) -> None:
    presented()

    name, about, description, commands = shown("" if code == "en" else code)
    with translation.override(code):
        assert (name, about, description) == (str(profile.NAME), str(profile.ABOUT), str(profile.DESCRIPTION))
        assert commands == menu_of(None)
    assert len(name) <= 64
    assert len(about) <= 120
    assert len(description) <= 512


def test_what_is_so_already_is_not_set_again(sandbox: SandboxClient) -> None:
    presented()
    first = sets(sandbox)
    presented()

    assert sorted(first) == sorted(SETS * len(LANGUAGES))
    assert sets(sandbox) == first


def test_only_what_somebody_changed_is_set_again(sandbox: SandboxClient) -> None:
    presented()
    before = len(sets(sandbox))

    async def change() -> None:
        async with new_bot() as bot:
            await bot.set_my_name("Somebody else's desk", "fa")

    asyncio.run(change())
    presented()

    assert sets(sandbox)[before:] == ["setMyName", "setMyName"]  # the change, and its correction
    with translation.override("fa"):
        assert shown("fa")[0] == str(profile.NAME)


def test_people_see_it_in_the_chat_page_each_in_their_language(sandbox: SandboxClient, settings: Any) -> None:
    presented()
    url = f"{settings.TELEGRAM_API_URL}/?user="

    english, persian = (httpx.get(f"{url}{who}", timeout=20).text for who in (STRANGER, NAVID))
    assert "Ask for a price, compare firm quotes" in english
    with translation.override("fa"):
        assert str(profile.ABOUT) in persian


@pytest.mark.parametrize("kind", ["too many", "refused"])
def test_what_telegram_refuses_is_logged_and_the_rest_is_set(sandbox: SandboxClient, caplog: Any, kind: str) -> None:
    trouble: dict[str, Any] = {"status": 429, "retry_after": 3600} if kind == "too many" else {"status": 400}
    sandbox.fault("error", method="setMyName", until_off=True, **trouble)

    presented()

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(LANGUAGES)
    assert all("The bot's name" in line and "The bot goes on without." in line for line in lines)
    assert shown("fa")[1:3] == _persian()


def test_where_telegram_answers_nothing_it_is_not_asked_for_all_the_rest(sandbox: SandboxClient, caplog: Any) -> None:
    sandbox.fault("error", method="getMyCommands", status=502, until_off=True)

    presented()

    assert len(caplog.records) == 1
    assert sets(sandbox) == []


def test_a_bot_whose_profile_cannot_be_set_listens_all_the_same(sandbox: SandboxClient) -> None:
    for method in SETS:
        sandbox.fault("error", method=method, status=429, retry_after=3600, until_off=True)

    asyncio.run(polled(listens, lambda: sandbox.say(TARA, "one"), stored(1)))

    assert shown("")[1] == ""


def _persian() -> tuple[str, str]:
    with translation.override("fa"):
        return str(profile.ABOUT), str(profile.DESCRIPTION)
