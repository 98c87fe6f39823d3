"""Telegram: greeting, help, language."""

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from trading.lib import clock, numbers, zones
from trading.lib.chat import BotUpdate, Button, Reply, message
from users import callbacks, limits, operations
from users.models import CallbackToken, User

TRIES_A_MINUTE = 5
SET_LANGUAGE, SET_TIME_ZONE = "users.language", "users.time_zone"
OFFERED_ZONES = (
    ("UTC", "Europe/London", "Europe/Berlin"),
    ("Europe/Istanbul", "Europe/Moscow", "Asia/Tehran"),
    ("Asia/Dubai", "Asia/Hong_Kong", "America/New_York"),
)


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


def time_zone(update: BotUpdate, actor: User) -> Reply:
    """`/timezone`: choose by button, or name it: `/timezone Europe/Berlin`, `/timezone Berlin`."""
    if update.arguments:
        return _live_in(actor, zones.named(" ".join(update.arguments)))
    rows = tuple(tuple(_zone_button(actor, zone) for zone in row) for row in OFFERED_ZONES)
    return Reply(text=message("telegram/time_zone.html", _time_there(actor)), buttons=rows)


def choose_time_zone(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a time zone's button."""
    return _live_in(actor, zones.named(button.version))


def _zone_button(actor: User, zone: str) -> Button:
    city = zone.rpartition("/")[2].replace("_", " ")
    return Button(city, callbacks.token_for(actor, SET_TIME_ZONE, actor.ref, zone))


def _live_in(actor: User, zone: str) -> Reply:
    user = operations.set_time_zone(user=actor, time_zone=zone, now=clock.now())
    return Reply(text=message("telegram/time_zone_set.html", _time_there(user)), toast="✓")


def _time_there(user: User) -> dict[str, object]:
    now = clock.now()
    local = numbers.format_clock(now, now=now, time_zone=user.time_zone, language=user.language)
    zone = numbers.isolate(user.time_zone, user.language)
    return {"zone": zone, "local": numbers.isolate(local, user.language)}


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
