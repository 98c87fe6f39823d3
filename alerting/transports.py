"""
The way out to Telegram: one call, one outcome. Only `alerting.tasks` uses it.

All words leave here, so here their lines are made to begin at the side of the reader's `language`.

Bots are kept per event loop: their connections belong to the loop that opened them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from telegram import Bot, BotCommand, BotCommandScopeChat, InlineKeyboardButton, InlineKeyboardMarkup, InputFile
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError

from alerting.outcomes import Gone, Later, Outcome, Refused, Sent, TooLate, Unreachable
from alerting.telegram import new_bot
from trading.lib import direction
from trading.lib.documents import Paper

# How Telegram says that a message is deleted, or older than it lets a bot edit.
FORGOTTEN = ("query is too old", "query id is invalid")
NOT_MODIFIED = "message is not modified"
NOT_EDITABLE = ("message to edit not found", "message can't be edited")

# How Telegram says that a file is larger than bots may fetch.
TOO_BIG = "file is too big"

type Buttons = list[list[tuple[str, str]]]

_bots: WeakKeyDictionary[asyncio.AbstractEventLoop, Bot] = WeakKeyDictionary()


async def send(chat_id: int, text: str, buttons: Buttons, *, language: str, silent: bool = False) -> Outcome:
    """Write a new message; a silent one makes no sound where it arrives."""
    return await _ask(
        "send_message",
        chat_id=chat_id,
        text=direction.lead(text, language),
        parse_mode=ParseMode.HTML,
        reply_markup=_keyboard(buttons),
        disable_notification=silent,
    )


async def document(chat_id: int, paper: Paper, caption: str, *, language: str) -> Outcome:
    """Send a file, with words under it."""
    return await _ask(
        "send_document",
        chat_id=chat_id,
        document=InputFile(paper.content, filename=paper.name),
        caption=direction.lead(caption, language) or None,
        parse_mode=ParseMode.HTML,
        disable_content_type_detection=True,
    )


async def edit(chat_id: int, message_id: int, text: str, buttons: Buttons, *, language: str) -> Outcome:
    """Change a message. One that looks so already is changed."""
    outcome = await _ask(
        "edit_message_text",
        chat_id=chat_id,
        message_id=message_id,
        text=direction.lead(text, language),
        parse_mode=ParseMode.HTML,
        reply_markup=_keyboard(buttons),
    )
    if isinstance(outcome, Sent):
        return Sent(message_id)
    if isinstance(outcome, Refused) and _says(outcome, NOT_MODIFIED):
        return Sent(message_id)
    if isinstance(outcome, Refused) and _says(outcome, *NOT_EDITABLE):
        return Gone()
    return outcome


async def fetch(file_id: str, *, limit: int) -> bytes | Outcome:
    """Fetch a file that somebody sent. One that is larger than `limit` bytes is not fetched, and refused."""
    try:
        file = await (await _bot()).get_file(file_id)
        if (file.file_size or 0) > limit:
            return Refused(TOO_BIG)
        return bytes(await file.download_as_bytearray())
    except TelegramError as error:
        return outcome_of(error)


def _says(refusal: Refused, *words: str) -> bool:
    return any(each in refusal.why.lower() for each in words)


async def strip(chat_id: int, message_id: int) -> Outcome:
    """Take the buttons of a message away. One that has none, or is gone, needs nothing."""
    outcome = await _ask("edit_message_reply_markup", chat_id=chat_id, message_id=message_id)
    needless = (NOT_MODIFIED, *NOT_EDITABLE)
    if isinstance(outcome, Sent) or (isinstance(outcome, Refused) and _says(outcome, *needless)):
        return Sent(message_id)
    return outcome


async def menu(chat_id: int, commands: Sequence[tuple[str, str]]) -> Outcome:
    """Put these commands into the menu of one chat; none: it has the menu of strangers again."""
    scope = BotCommandScopeChat(chat_id)
    if not commands:
        return await _ask("delete_my_commands", scope=scope)
    return await _ask("set_my_commands", commands=[BotCommand(*command) for command in commands], scope=scope)


async def answer(callback_id: str, text: str, *, language: str, is_alert: bool) -> Outcome:
    """Answer a button press, so that its clock stops turning."""
    words = direction.lead(text, language)
    outcome = await _ask("answer_callback_query", callback_query_id=callback_id, text=words, show_alert=is_alert)
    if isinstance(outcome, Refused) and _says(outcome, *FORGOTTEN):
        return TooLate(outcome.why)
    return outcome


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
