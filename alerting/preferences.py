"""Who wants to hear of what, and how loudly: writes of people's own choices, and their effect on messages."""

import re
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from django.utils.translation import gettext_lazy as _

from alerting import topics
from alerting.models import Channel, NotificationChoice, OutboundMessage, QuietHours
from trading.lib.errors import Invalid
from trading.lib.numbers import DIGITS
from trading.lib.operations import operation
from trading.lib.prepared import Given, Read, any_of
from users import audit
from users.models import User

Level = NotificationChoice.Level
WINDOW = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s?[-–]\s?([01]?\d|2[0-3]):([0-5]\d)")


class UnknownTopic(Invalid):
    """There is no such topic, or it is not this side's."""

    code = "unknown_topic"
    text = _("I do not know “{written}”. Choose one of: {known}.")


class UnknownLevel(Invalid):
    """Neither on, nor silent, nor off."""

    code = "unknown_level"
    text = _("Write on, silent or off.")


class NotQuietHours(Invalid):
    """What was written is no window of hours."""

    code = "not_quiet_hours"
    text = _("I cannot read these hours. Write them like 22:00-07:00, or off.")


@operation
def choose_level(
    *, actor: User, topic: str, level: str, now: datetime, channel: str = Channel.TELEGRAM
) -> NotificationChoice:
    """
    How the actor wants to hear of a topic by a channel from now on.

    What is so already is no change, and leaves no event.

    :raises UnknownTopic: no topic of the actor's side.
    :raises UnknownLevel: not a level of this channel: mail makes no sound.
    """
    known = [each.code for each in topics.of(actor)]
    if topic not in known:
        raise UnknownTopic(written=topic[:20], known=", ".join(known))
    if level not in levels_by(channel):
        raise UnknownLevel
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    which: dict[str, Any] = {"user": actor, "topic": topic, "channel": channel}
    found = NotificationChoice.objects.filter(**which).first()
    before = found.level if found else str(Level.ON)
    if before == level:
        return found or NotificationChoice(**which, level=level)
    choice, _made = NotificationChoice.objects.update_or_create(**which, defaults={"level": level})
    where = {"channel": channel} if channel != Channel.TELEGRAM else {}
    change = audit.Change(before={topic: before}, after={topic: level, **where})
    audit.record("notification.level_chosen", actor=actor, subject=actor, at=now, change=change)
    return choice


@operation
def set_quiet_hours(*, actor: User, window: str, now: datetime) -> QuietHours | None:
    """
    When the actor's messages come without sound: ``22:00-07:00`` on their own clock, or ``off``.

    :raises NotQuietHours: neither.
    """
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    found = QuietHours.objects.filter(user=actor).first()
    before, wanted = str(found) if found else "off", _hours(actor, window)
    if str(wanted or "off") == before:
        return found
    if wanted is None:
        QuietHours.objects.filter(user=actor).delete()
    else:
        values = {"starts": wanted.starts, "ends": wanted.ends}
        QuietHours.objects.update_or_create(user=actor, defaults=values)
    change = audit.Change(before={"hours": before}, after={"hours": str(wanted or "off")})
    audit.record("notification.quiet_hours_set", actor=actor, subject=actor, at=now, change=change)
    return wanted


def levels_by(channel: str) -> list[Level]:
    """The levels of a channel."""
    return [level for level in Level if channel == Channel.TELEGRAM or level != Level.SILENT]


def levels_of(user: User, channel: str = Channel.TELEGRAM) -> dict[str, str]:
    """Read how somebody hears of each topic of theirs by a channel. One query."""
    chosen = dict(NotificationChoice.objects.filter(user=user, channel=channel).values_list("topic", "level"))
    return {topic.code: chosen.get(topic.code, str(Level.ON)) for topic in topics.of(user)}


def heed(messages: Sequence[OutboundMessage], event: str, *, now: datetime) -> list[OutboundMessage]:
    """
    Leave out what its readers do not want to hear of, mark what is to come without sound, have mail wait.

    Two queries at most. What has no topic for its reader stays as it is, in quiet hours, too.
    """
    readers = [message.user for message in messages if message.user and topics.concerning(event, message.user)]
    if not readers:
        return list(messages)
    chosen = _choices(readers, topics.TOPIC_OF_EVENT[event])
    quiet = {hours.pk: hours for hours in QUIET.rows(users=[user.pk for user in readers])}
    kept = []
    for message in messages:
        user = message.user
        if user is None or topics.concerning(event, user) is None:
            kept.append(message)
            continue
        level, hours = chosen.get((user.pk, message.channel), Level.ON), quiet.get(user.pk)
        if level == Level.OFF:
            continue
        is_quiet = hours is not None and hours.cover(now, user.time_zone)
        if message.channel == Channel.MAIL:
            message.not_before = hours.over_at(now, user.time_zone) if hours and is_quiet else None
        elif level == Level.SILENT or is_quiet:
            message.payload["silent"] = True
        kept.append(message)
    return kept


def _choices(readers: Sequence[User], topic: str) -> dict[tuple[int, str], str]:
    """How these people hear of a topic, by whom and which channel."""
    chosen = CHOSEN.rows(users=[user.pk for user in readers], topic=topic)
    return {(one.user_id, one.channel): one.level for one in chosen}


QUIET = Read(lambda: QuietHours.objects.filter(user__in=any_of("users", "bigint")))
CHOSEN = Read(lambda: NotificationChoice.objects.filter(user__in=any_of("users", "bigint"), topic=Given("topic")))


def _hours(user: User, window: str) -> QuietHours | None:
    if window.lower() == "off":
        return None
    found = WINDOW.fullmatch(window.translate(DIGITS).strip())
    if found is None:
        raise NotQuietHours
    numbers = [int(part) for part in found.groups()]
    starts, ends = time(numbers[0], numbers[1]), time(numbers[2], numbers[3])
    if starts == ends:
        raise NotQuietHours
    return QuietHours(user=user, starts=starts, ends=ends)
