"""
python-telegram-bot as the dispatcher of the registry's commands and buttons.

One application per running event loop. It never polls: updates come from the inbox, one by one, and
what handlers answer is collected and handed back to it.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from telegram import (
    Chat,
    ChatMember,
    Message,
    MessageOrigin,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    Update,
)
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from alerting import operations
from alerting.inbox import Outgoing, Payload, Unready
from alerting.telegram import new_bot
from trading.bot import gateway, registry, talking
from trading.bot.gateway import Command, Heard, Introduction
from trading.lib import clock, direction, threads
from trading.lib.chat import Attachment, BotUpdate

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
# What people write in private. What Telegram itself writes there ("pinned …") is nobody's words; neither are
# changes without words, of which a live location makes many.
WORDS = (
    filters.ChatType.PRIVATE
    & ~filters.StatusUpdate.ALL
    & (filters.UpdateType.MESSAGE | filters.UpdateType.EDITED_MESSAGE & (filters.TEXT | filters.CAPTION))
)
START_SECONDS = 15
LONGEST_NAME = 100
COMMAND = re.compile(r"^/[A-Za-z0-9_]+")
TURNED_COMMAND = re.compile(rf"^[\s{direction.MARKS}]+/[A-Za-z0-9_]+")

type Handler = Callable[[Update, ContextTypes.DEFAULT_TYPE], Coroutine[Any, Any, None]]

_answers: ContextVar[list[Outgoing]] = ContextVar("bot_answers")
_applications: WeakKeyDictionary[asyncio.AbstractEventLoop, "DeskApplication"] = WeakKeyDictionary()


class DeskApplication(Application):  # type: ignore[type-arg]  # its six type parameters stay the library's defaults
    """An application whose handlers' errors reach the inbox instead of a log."""

    async def process_error(self, update: object, error: Exception, **_kwargs: Any) -> bool:  # type: ignore[override]  # noqa: ARG002
        """Raise it: the job must not count as done."""
        raise error


async def handle(payload: Payload) -> Sequence[Outgoing]:
    """
    Let one update reach its handler; give back what is to be said.

    :raises Unready: Telegram does not answer the greeting every application starts with.
    """
    application = await _application()
    token = _answers.set([])
    try:
        await application.process_update(Update.de_json(dict(payload), application.bot))
        return _answers.get()
    finally:
        _answers.reset(token)


async def _application() -> DeskApplication:
    loop = asyncio.get_running_loop()
    application = _applications.get(loop)
    if application is None:
        application = _build()
        try:
            async with asyncio.timeout(START_SECONDS):
                await application.initialize()
        except (TelegramError, TimeoutError) as error:
            raise Unready(f"Telegram does not answer getMe ({error}); trying again.") from error
        _applications[loop] = application
    return application


def _build() -> DeskApplication:
    builder = ApplicationBuilder().application_class(DeskApplication).bot(new_bot())
    application = builder.updater(None).job_queue(None).build()
    overlooked = filters.CaptionRegex(COMMAND) | filters.CaptionRegex(TURNED_COMMAND) | filters.Regex(TURNED_COMMAND)
    application.add_handler(MessageHandler(filters.UpdateType.MESSAGE & overlooked, _overlooked))
    for entry in registry.ENTRIES:
        hear = _commands(entry.handler, registry.INTRODUCTIONS.get(entry.name))
        application.add_handler(CommandHandler(entry.name, hear, filters=filters.UpdateType.MESSAGES))
    application.add_handler(CallbackQueryHandler(_buttons))
    application.add_handler(ChatMemberHandler(_membership, ChatMemberHandler.MY_CHAT_MEMBER))
    application.add_handler(MessageHandler(WORDS, _commands(talking.plain)))
    assert isinstance(application, DeskApplication)  # noqa: S101 - application_class above, for the type checker
    return application


def _commands(handler: Command, introduce: Introduction | None = None) -> Handler:
    async def hear(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        _answers.get().extend(await threads.run(gateway.command, read(update), handler, introduce))

    return hear


async def _overlooked(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """What the library sees no command in: the caption of a file, a text that begins with a mark of direction."""
    heard = read(update)
    name = heard.update.text.split()[0].removeprefix("/").partition("@")[0].lower()
    entry = next((entry for entry in registry.ENTRIES if entry.name == name), None)
    if entry is not None or heard.is_private:
        await _commands(entry.handler if entry else talking.plain)(update, context)


async def _buttons(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    _answers.get().extend(await threads.run(gateway.button, read(update), registry.ACTIONS))


async def _membership(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Somebody blocked the bot, or let it write again."""
    change = update.my_chat_member
    if change is None or change.chat.type != Chat.PRIVATE:
        return
    if change.new_chat_member.status == ChatMember.BANNED:
        await threads.run(operations.chat_unreachable, chat_id=change.chat.id, now=clock.now())
    else:
        await threads.run(operations.chat_reachable, chat_id=change.chat.id, now=clock.now())


def _attachment(message: Message | None) -> Attachment | None:
    """The file of a message, or of the one it answers, if the sender sent that, too."""
    if message is None:
        return None
    answered = message.reply_to_message
    if answered is not None and answered.from_user == message.from_user:
        return _file(message) or _file(answered)
    return _file(message)


def _file(message: Message) -> Attachment | None:
    """A document, or the largest size of a photo."""
    origin = _origin(message.forward_origin)
    if document := message.document:
        name, kind = document.file_name or "file", document.mime_type or ""
        return Attachment(document.file_id, name, kind, document.file_size or 0, origin)
    if message.photo:
        photo = max(message.photo, key=lambda size: size.width * size.height)
        size = photo.file_size or 0
        return Attachment(photo.file_id, "photo.jpg", "image/jpeg", size, origin)
    return None


def _origin(origin: MessageOrigin | None) -> str:
    """Whose a message was that somebody passed on, and when it was written: as Telegram tells it, unproven."""
    if origin is None:
        return ""
    match origin:
        case MessageOriginUser(sender_user=user):
            who = f"{user.full_name} ({user.id})"
        case MessageOriginHiddenUser(sender_user_name=name):
            who = name
        case MessageOriginChat(sender_chat=chat) | MessageOriginChannel(chat=chat):
            who = f"{chat.title or chat.full_name or ''} ({chat.id})".strip()
        case _:
            who = "?"
    return f"{direction.unmarked(who)[:LONGEST_NAME]}, {origin.date:%Y-%m-%d %H:%M} UTC"


def read(update: Update) -> Heard:
    """Reduce an update to what handlers may know."""
    chat, sender, query = update.effective_chat, update.effective_user, update.callback_query
    message = update.message or update.edited_message
    touched = message or (query.message if query else None)
    answered = update.message.reply_to_message if update.message else None
    heard = BotUpdate(
        update_id=update.update_id,
        chat_id=chat.id if chat else 0,
        telegram_id=sender.id if sender else 0,
        text=direction.unmarked(message.text or message.caption or "").strip() if message else "",
        message_id=touched.message_id if touched else None,
        reply_to=answered.message_id if answered else None,
        callback_id=query.id if query else "",
        callback_token=(query.data or "") if query else "",
        attachment=_attachment(update.message),
    )
    return Heard(
        heard,
        is_private=chat is not None and chat.type == Chat.PRIVATE and sender is not None and sender.id == chat.id,
        language=(sender.language_code or "").partition("-")[0] if sender else "",
        is_borrowed=message is not None and bool(message.forward_origin or message.via_bot),
        is_edited=update.edited_message is not None,
    )
