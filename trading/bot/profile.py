"""
How the bot presents itself in Telegram: name, descriptions and commands, in every language of the desk.

Telegram limits how often these are set, so each is read first and set only where it says something else.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from telegram import Bot, BotCommand
from telegram.error import BadRequest, RetryAfter, TelegramError

from trading.bot import registry

log = logging.getLogger("desk.bot")

NAME = _("OTC desk")
ABOUT = _("Buy and sell USDT at firm prices. For clients and liquidity providers of the desk.")
DESCRIPTION = _(
    "Ask for a price, compare firm quotes, accept one, and follow it until it is settled. Liquidity providers answer"
    " requests here.\n\nThe bot works for people whom the desk has linked. Open the link your contact at the desk gave"
    " you, or press Start to see the number they need."
)
FAILED = "The bot's %s (%s) could not be set: %s. The bot goes on without."


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that people see of the bot: how it is read, how it is set, and what it should be."""

    name: str
    read: Callable[[], Awaitable[Any]]
    write: Callable[[Any], Awaitable[Any]]
    wanted: Any


async def present(bot: Bot) -> None:
    """Set what is not as it should be. A failure is logged: people can trade with a bot that looks as it did before."""
    for code, _name in settings.LANGUAGES:
        spoken = None if code == settings.LANGUAGE_CODE else code
        with translation.override(code):
            parts = list(_parts(bot, spoken))
        for part in parts:
            try:
                await _set(part, code)
            except (RetryAfter, BadRequest) as error:  # this one only
                log.warning(FAILED, part.name, code, error.message)
            except TelegramError as error:  # it does not answer: nor will it the others
                log.warning(FAILED, part.name, code, error.message or type(error).__name__)
                return


async def _set(part: Part, code: str) -> None:
    if await part.read() != part.wanted:
        await part.write(part.wanted)
        log.info("the bot's %s (%s) is set", part.name, code)


def _parts(bot: Bot, code: str | None) -> Iterator[Part]:
    """All that people see, in the active language; `code` is how Telegram calls it, None for everybody else's."""

    async def commands() -> list[tuple[str, str]]:
        return [(one.command, one.description) for one in await bot.get_my_commands(language_code=code)]

    async def name() -> str:
        return (await bot.get_my_name(code)).name

    async def about() -> str:
        return (await bot.get_my_short_description(code)).short_description

    async def description() -> str:
        return (await bot.get_my_description(code)).description

    def set_commands(wanted: list[tuple[str, str]]) -> Awaitable[bool]:
        return bot.set_my_commands([BotCommand(*one) for one in wanted], language_code=code)

    yield Part("commands", commands, set_commands, registry.menu_of(None))
    yield Part("name", name, lambda wanted: bot.set_my_name(wanted, code), str(NAME))
    yield Part("short description", about, lambda wanted: bot.set_my_short_description(wanted, code), str(ABOUT))
    yield Part("description", description, lambda wanted: bot.set_my_description(wanted, code), str(DESCRIPTION))
