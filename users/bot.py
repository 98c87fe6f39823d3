"""Telegram: greeting, help, language."""

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from users import callbacks, limits, operations
from users.models import CallbackToken, User

TRIES_A_MINUTE = 5
SET_LANGUAGE = "users.language"


def start(_update: BotUpdate, actor: User) -> Reply:
    """`/start`: who you are here, and what you can do."""
    return _page("telegram/start.html", actor)


def link(update: BotUpdate) -> User:
    """
    `/start <token>` of somebody nobody knows yet: bind this account to the user the token was made for.

    :raises TooManyRequests: too many tries from this account.
    :raises UnknownLinkToken: there is no such token (any more).
    :raises ExpiredLinkToken: its minutes are over.
    """
    now = clock.now()
    limits.count(f"link:{update.telegram_id}", limit=TRIES_A_MINUTE, now=now)
    return operations.link_by_token(token=update.arguments[0], telegram_id=update.telegram_id, now=now)


def help_(_update: BotUpdate, actor: User) -> Reply:
    """`/help`: the commands of this person's side."""
    return _page("telegram/help.html", actor)


def language(update: BotUpdate, actor: User) -> Reply:
    """`/lang`: choose a language by button, or name it: `/lang fa`."""
    if update.arguments:
        return _speak(actor, update.arguments[0].lower())
    row = tuple(
        Button(name, callbacks.token_for(actor, SET_LANGUAGE, actor.ref, code)) for code, name in settings.LANGUAGES
    )
    return Reply(text=_("Choose your language:"), buttons=(row,))


def choose_language(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a language button."""
    return _speak(actor, button.version)


def unknown(_update: BotUpdate, _actor: User) -> Reply:
    """Anything the bot does not understand."""
    return Reply(text=_("I did not understand this. /help shows what I can do."))


def _speak(actor: User, code: str) -> Reply:
    if code not in dict(settings.LANGUAGES):
        known = ", ".join(code for code, _name in settings.LANGUAGES)
        return Reply(text=_("I speak: %(known)s. For example: /lang %(example)s") % {"known": known, "example": "en"})
    if code != actor.language:
        operations.set_language(user=actor, language=code, now=clock.now())
    with translation.override(code):
        return Reply(text=_("I will write to you in English from now on."), toast="✓")


def _page(template: str, actor: User) -> Reply:
    side = actor.counterparty.kind if actor.counterparty else ""
    context = {"name": actor.person.full_name if actor.person else actor.username, "side": side}
    return Reply(text=message(template, context))
