"""
The registry of commands and buttons, and python-telegram-bot as their dispatcher.

One application per running event loop. It never polls: updates come from the inbox, one by one, and
what handlers answer is collected and handed back to it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from telegram import Chat, ChatMember, Update
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
from rfq import bot as rfq_bot
from rfq import bot_disputes, cards
from trading.bot import gateway
from trading.bot.gateway import Action, Command, Heard, Introduction
from trading.lib import clock, threads
from trading.lib.chat import BotUpdate
from users import bot as users_bot

COMMANDS: dict[str, Command] = {
    "start": users_bot.start,
    "help": users_bot.help_,
    "lang": users_bot.language,
    "rfq": rfq_bot.rfq,
    "quotes": rfq_bot.quotes,
    "orders": rfq_bot.orders,
    "cancel": rfq_bot.cancel,
    "open": rfq_bot.open_,
    "quote": rfq_bot.quote,
    "pull": rfq_bot.pull,
    "dispute": bot_disputes.dispute,
}
INTRODUCTIONS: dict[str, Introduction] = {"start": users_bot.link}
ACTIONS: dict[str, Action] = {
    users_bot.SET_LANGUAGE: users_bot.choose_language,
    cards.REVIEW: rfq_bot.press_accept,
    cards.ACCEPT: rfq_bot.press_confirm,
    cards.BACK: rfq_bot.press_back,
    cards.CANCEL: rfq_bot.press_cancel,
    cards.PULL: rfq_bot.press_pull,
    cards.CONFIRM_QUOTE: rfq_bot.press_confirm_quote,
}
MENU: dict[str, str | Promise] = {
    "rfq": _("Ask for a price"),
    "quotes": _("Live prices"),
    "orders": _("Your requests and trades"),
    "cancel": _("Withdraw a request"),
    "open": _("LPs: requests that wait for prices"),
    "quote": _("LPs: quote a firm price"),
    "pull": _("LPs: take a quote back"),
    "dispute": _("Dispute a trade"),
    "lang": _("Choose the language"),
    "help": _("What I can do"),
}
ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
START_SECONDS = 15

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
    for name, handler in COMMANDS.items():
        hear = _commands(handler, INTRODUCTIONS.get(name))
        application.add_handler(CommandHandler(name, hear, filters=filters.UpdateType.MESSAGE))
    application.add_handler(CallbackQueryHandler(_buttons))
    application.add_handler(ChatMemberHandler(_membership, ChatMemberHandler.MY_CHAT_MEMBER))
    application.add_handler(
        MessageHandler(filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE, _commands(users_bot.unknown))
    )
    assert isinstance(application, DeskApplication)  # noqa: S101 - application_class above, for the type checker
    return application


def _commands(handler: Command, introduce: Introduction | None = None) -> Handler:
    async def hear(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        _answers.get().extend(await threads.run(gateway.command, read(update), handler, introduce))

    return hear


async def _buttons(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    _answers.get().extend(await threads.run(gateway.button, read(update), ACTIONS))


async def _membership(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Somebody blocked the bot, or let it write again."""
    change = update.my_chat_member
    if change is None or change.chat.type != Chat.PRIVATE:
        return
    if change.new_chat_member.status == ChatMember.BANNED:
        await threads.run(operations.chat_unreachable, chat_id=change.chat.id, now=clock.now())
    else:
        await threads.run(operations.chat_reachable, chat_id=change.chat.id)


def read(update: Update) -> Heard:
    """Reduce an update to what handlers may know."""
    chat, sender, query = update.effective_chat, update.effective_user, update.callback_query
    text = (update.message.text or "") if update.message else ""
    heard = BotUpdate(
        update_id=update.update_id,
        chat_id=chat.id if chat else 0,
        telegram_id=sender.id if sender else 0,
        text=text,
        message_id=update.effective_message.message_id if update.effective_message else None,
        callback_id=query.id if query else "",
        callback_token=(query.data or "") if query else "",
    )
    is_private = chat is not None and chat.type == Chat.PRIVATE and sender is not None and sender.id == chat.id
    language = (sender.language_code or "").partition("-")[0] if sender else ""
    return Heard(heard, is_private=is_private, language=language)
