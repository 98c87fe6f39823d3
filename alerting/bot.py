"""Telegram: what one wants to be told, how loudly, and when not with sound."""

from django.utils.translation import gettext as _

from alerting import preferences, topics
from alerting.models import NotificationChoice, QuietHours
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Button, Reply, message
from users import callbacks
from users.models import CallbackToken, User

SET_LEVEL, SET_QUIET = "notify.level", "notify.quiet"
NIGHT, NEVER = "22:00-07:00", "off"
QUIET = "quiet"
Level = NotificationChoice.Level
NEXT = {Level.ON: Level.SILENT, Level.SILENT: Level.OFF, Level.OFF: Level.ON}


def notify(update: BotUpdate, actor: User) -> Reply:
    """`/notify`: the choices as buttons; `/notify trades silent`; `/notify quiet 22:00-07:00`, `/notify quiet off`."""
    words = [word.lower() for word in update.arguments]
    if words[:1] == [QUIET]:
        preferences.set_quiet_hours(actor=actor, window="".join(words[1:]), now=clock.now())
    elif words:
        level = words[1] if len(words) > 1 else ""
        preferences.choose_level(actor=actor, topic=words[0], level=level, now=clock.now())
    return _choices(actor)


def press_level(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a topic's button: it names the level that comes next, so a second press changes nothing."""
    preferences.choose_level(actor=actor, topic=button.subject, level=button.version, now=clock.now())
    return _choices(actor)


def press_quiet(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on the button of the quiet hours."""
    preferences.set_quiet_hours(actor=actor, window=button.version, now=clock.now())
    return _choices(actor)


def _choices(actor: User) -> Reply:
    levels = preferences.levels_of(actor)
    hours = QuietHours.objects.filter(user=actor).first()
    rows = [(topic, Level(levels[topic.code])) for topic in topics.of(actor)]
    context = {
        "rows": [(topic.code, topic.words, level.label) for topic, level in rows],
        "hours": numbers.native(str(hours), actor.language) if hours else "",
        "zone": actor.time_zone,
        "example": numbers.isolate(f"/notify {rows[0][0].code} silent", actor.language),
    }
    buttons = [(_level_button(actor, topic, level),) for topic, level in rows]
    text = message("telegram/notify.html", context)
    return Reply(text=text, buttons=(*buttons, (_quiet_button(actor, hours),)), in_place=True)


def _level_button(actor: User, topic: topics.Topic, level: Level) -> Button:
    following = NEXT[level]
    words = _("%(topic)s: %(level)s") % {"topic": topic.words, "level": following.label}
    return Button(words, callbacks.token_for(actor, SET_LEVEL, topic.code, following))


def _quiet_button(actor: User, hours: QuietHours | None) -> Button:
    wanted = NEVER if hours else NIGHT
    night = numbers.isolate(numbers.native(NIGHT, actor.language), actor.language)
    words = _("No quiet hours") if hours else _("Quiet hours %(hours)s") % {"hours": night}
    return Button(words, callbacks.token_for(actor, SET_QUIET, actor.ref, wanted))
