"""A token that Telegram does not know: nothing mends that but another one, so the bot ends, once it is sure."""

import asyncio

from telegram.error import InvalidToken, TelegramError

from alerting.telegram import new_bot

# Longer than a supervisor's patience for "it started" (trading.sandbox.supervise), so that the end counts as one.
SECOND_LOOK_SECONDS = 2.0
WRONG_TOKEN = "Telegram does not know this token: set TELEGRAM_BOT_TOKEN to the one from @BotFather"  # noqa: S105
REFUSED_ONCE = "Telegram refused the token and then knew it again"


class WrongToken(Exception):
    """Telegram does not know the token; it was asked twice."""


async def ask_again() -> None:
    """
    Ask Telegram once more who the bot is. Whatever else it answers, the token is not known to be wrong.

    :raises WrongToken: it does not know the token.
    """
    await asyncio.sleep(SECOND_LOOK_SECONDS)
    try:
        async with new_bot():  # asks getMe
            return
    except InvalidToken:
        raise WrongToken(WRONG_TOKEN) from None  # the library's own error shows the token
    except TelegramError:
        return
