"""
The way out to Telegram: one call, one outcome. Only `alerting.tasks` uses it.

Bots are kept per event loop: their connections belong to the loop that opened them.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError

from alerting.outcomes import Gone, Later, Outcome, Refused, Sent, Unreachable
from alerting.telegram import new_bot

type Buttons = list[list[tuple[str, str]]]

_bots: WeakKeyDictionary[asyncio.AbstractEventLoop, Bot] = WeakKeyDictionary()


async def send(chat_id: int, text: str, buttons: Buttons) -> Outcome:
    """Write a new message."""
    return await _ask(
        "send_message", chat_id=chat_id, text=text, parse_mode=ParseMode.HTML, reply_markup=_keyboard(buttons)
    )


async def edit(chat_id: int, message_id: int, text: str, buttons: Buttons) -> Outcome:
    """Change a message. One that looks so already is changed."""
    outcome = await _ask(
        "edit_message_text",
        chat_id=chat_id,
        message_id=message_id,
        text=text,
        parse_mode=ParseMode.HTML,
        reply_markup=_keyboard(buttons),
    )
    if isinstance(outcome, Sent):
        return Sent(message_id)
    if isinstance(outcome, Refused) and "message is not modified" in outcome.why.lower():
        return Sent(message_id)
    if isinstance(outcome, Refused) and "message to edit not found" in outcome.why.lower():
        return Gone()
    return outcome


async def answer(callback_id: str, text: str, *, is_alert: bool) -> Outcome:
    """Answer a button press, so that its clock stops turning."""
    return await _ask("answer_callback_query", callback_query_id=callback_id, text=text, show_alert=is_alert)


async def _bot() -> Bot:
    loop = asyncio.get_running_loop()
    bot = _bots.get(loop)
    if bot is None:
        bot = new_bot()
        await bot.request.initialize()
        _bots[loop] = bot
    return bot


async def close() -> None:
    """Close the running loop's connections."""
    bot = _bots.pop(asyncio.get_running_loop(), None)
    if bot:
        await bot.request.shutdown()


async def _ask(method: str, **arguments: Any) -> Outcome:
    try:
        done = await getattr(await _bot(), method)(**arguments)
    except TelegramError as error:
        return outcome_of(error)
    return Sent(getattr(done, "message_id", None))


def outcome_of(error: TelegramError) -> Outcome:
    """Judge a failed call: worth another try, pointless, or the chat is closed to us."""
    match error:
        case RetryAfter(retry_after=wish):
            after = wish if isinstance(wish, timedelta) else timedelta(seconds=wish)
            return Later("Telegram asks for patience", after)
        case Forbidden():
            return Unreachable(error.message)
        case BadRequest():
            gone = "chat not found" in error.message.lower()
            return Unreachable(error.message) if gone else Refused(error.message)
        case InvalidToken():
            return Later("Telegram does not know the bot's token: check TELEGRAM_BOT_TOKEN")
        case _:
            return Later(f"Telegram does not answer: {error.message}")


def _keyboard(buttons: Buttons) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    rows = [[InlineKeyboardButton(text, callback_data=token) for text, token in row] for row in buttons]
    return InlineKeyboardMarkup(rows)


def as_buttons(stored: Mapping[str, Any]) -> Buttons:
    """Read the buttons of a stored message."""
    return [[(text, token) for text, token in row] for row in stored.get("buttons", [])]
