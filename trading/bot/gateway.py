"""
The door of the bot: who speaks, may they be heard, in which language are they answered.

Authority comes from the numeric id of a linked, active user, looked up for every single update and
button. Everything here is synchronous and runs in one thread, off the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.utils import translation

from alerting import queries
from alerting.inbox import Outgoing
from trading.bot import replies
from trading.lib import clock
from trading.lib.chat import BotUpdate, Reply, message
from trading.lib.errors import DeskError
from users import callbacks, context, dialogues
from users.errors import NotActive, NotLinked
from users.models import CallbackToken, Dialogue, User
from users.queries import user_of_telegram

type Command = Callable[[BotUpdate, User], Reply]
type Introduction = Callable[[BotUpdate], User]
type Action = Callable[[BotUpdate, User, CallbackToken], Reply]
type Answer = Callable[[BotUpdate, User, Dialogue], Reply]


@dataclass(frozen=True, slots=True)
class Heard:
    """
    An update as it came through the library: what was said, and where.

    `is_borrowed`: a message that its sender passed on or another bot wrote; `is_edited`: one that was changed.
    """

    update: BotUpdate
    is_private: bool
    language: str = ""
    is_borrowed: bool = False
    is_edited: bool = False


def command(heard: Heard, handler: Command, introduce: Introduction | None = None) -> list[Outgoing]:
    """
    Let a known person's message reach its handler.

    :param introduce: how somebody unknown who sends this command with a word becomes known.
    """
    flaw = _flaw(heard)
    if introduce is not None and heard.is_private and heard.update.arguments and not _is_known(heard):
        refused = _turn_away(heard, flaw) if flaw else _introduce(heard, introduce)
        if refused:
            return refused

    def obey(actor: User) -> Reply:
        if flaw:
            return Reply(text=message(flaw, {}))
        if heard.update.text.startswith("/"):
            dialogues.leave(actor, now=clock.now())  # whoever commands has turned to something else
        return handler(heard.update, actor)

    return _let_in(heard, obey)


def _flaw(heard: Heard) -> str:
    """
    Name the template that says why these are not words to act upon; nothing when they are.

    An edit counts as said when the message itself never was acted upon: it got lost, or handling it failed.
    """
    update = heard.update
    if heard.is_borrowed:
        return "telegram/refused_file.html" if update.attachment else "telegram/refused_borrowed.html"
    if heard.is_edited and queries.was_handled(update.chat_id, update.message_id):
        return "telegram/refused_edit.html"
    return ""


def _is_known(heard: Heard) -> bool:
    try:
        user_of_telegram(heard.update.telegram_id)
    except NotLinked:
        return False
    except NotActive:
        return True
    return True


def _introduce(heard: Heard, introduce: Introduction) -> list[Outgoing]:
    """Make a stranger known; what to say when that fails, in the language of their own Telegram."""
    with translation.override(_language_of(heard)), context.origin(heard.update.key):
        try:
            introduce(heard.update)
        except DeskError as error:
            return replies.outgoing(replies.refusal(error, heard.update), heard.update, None)
    return []


def button(heard: Heard, actions: dict[str, Action]) -> list[Outgoing]:
    """Let a known person's button reach its handler, if it is theirs and means something still."""

    def press(actor: User) -> Reply:
        card = ""
        try:
            token = callbacks.resolve(heard.update.callback_token, actor, now=clock.now())
            card = token.subject if token.subject.startswith("RFQ-") else ""
            if token.action not in actions:
                raise callbacks.StaleButton
            return actions[token.action](heard.update, actor, token)
        except callbacks.ExpiredButton as error:
            return replace(replies.refusal(error, heard.update), ends_buttons=True)
        except DeskError as error:
            return replies.refusal(error, heard.update, card)

    return _let_in(heard, press)


def _let_in(heard: Heard, act: Callable[[User], Reply]) -> list[Outgoing]:
    update = heard.update
    if not heard.is_private:
        return _turn_away(heard, "telegram/refused_group.html")
    try:
        actor = user_of_telegram(update.telegram_id)
    except NotLinked:
        return _turn_away(heard, "telegram/refused_unknown.html")
    except NotActive:
        return _turn_away(heard, "telegram/refused_inactive.html")
    with translation.override(actor.language), context.origin(update.key):
        try:
            reply = act(actor)
        except DeskError as error:
            reply = replies.refusal(error, update)
        return replies.outgoing(reply, update, actor)


def _turn_away(heard: Heard, template: str) -> list[Outgoing]:
    """Refuse in words, in the language of the stranger's own Telegram where the desk speaks it."""
    with translation.override(_language_of(heard)):
        text = message(template, {"telegram_id": heard.update.telegram_id})
        return replies.outgoing(Reply(text=text), heard.update, None)


def _language_of(heard: Heard) -> str:
    return heard.language if heard.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
