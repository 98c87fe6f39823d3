"""
Conversations of some steps in a chat: what was asked, what was answered, what comes next.

One is open per user at most, and it is kept in the database: a restart loses nothing. Any command ends it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from trading.lib import prepared
from trading.lib.errors import Conflict
from trading.lib.ids import new_ref
from trading.lib.prepared import Given, Read
from users.callbacks import StaleButton
from users.models import CallbackToken, Dialogue, User

LIFE = timedelta(minutes=15)

LEAVE = "update users_dialogue set asks = '', ended_at = %s where user_id = %s and ended_at is null"
LAST = Read(lambda: Dialogue.objects.filter(user=Given("user")).order_by("pk")[:1])


class DialogueOver(Conflict):
    """The steps this button belongs to have ended, or others took their place."""

    code = "dialogue_over"
    text = _("These questions are closed. Start again with the command.")


class DialogueExpired(Conflict):
    """Nobody answered in time."""

    code = "dialogue_expired"
    text = _("I waited {minutes} minutes for your answer and closed the question. Start again with the command.")


def begin(
    user: User, purpose: str, *, key: str, now: datetime, asks: str = "", data: Mapping[str, object] | None = None
) -> Dialogue:
    """
    Open a conversation in the place of any other. The same key again is the same conversation. Two queries.

    :param key: of the update or button that began it.
    """
    dialogue = Dialogue.objects.filter(user=user).first() or Dialogue(user=user)
    if dialogue.heard != key:
        dialogue.ref = new_ref("DLG")
    dialogue.turn, dialogue.ended_at = 0, None
    dialogue.purpose, dialogue.asks, dialogue.data = purpose, asks, dict(data or {})
    dialogue.heard, dialogue.expires_at = key, now + LIFE
    dialogue.save()
    return dialogue


def go_on(dialogue: Dialogue, *, key: str, data: Mapping[str, object], asks: str, now: datetime) -> None:
    """Take an answer down and ask the next thing. One query."""
    dialogue.turn, dialogue.heard, dialogue.expires_at = dialogue.turn + 1, key, now + LIFE
    dialogue.data, dialogue.asks = dict(data), asks
    dialogue.save(update_fields=["turn", "heard", "expires_at", "data", "asks"])


def end(dialogue: Dialogue, *, key: str, now: datetime) -> None:
    """Close it: all is answered, or nothing is wanted any more. One query."""
    dialogue.asks, dialogue.heard, dialogue.ended_at = "", key, now
    dialogue.save(update_fields=["asks", "heard", "ended_at"])


def leave(user: User, *, now: datetime) -> None:
    """Close whatever is open: the person turned to something else. One query."""
    with prepared.cursor() as cursor:
        cursor.execute(LEAVE, [now, user.pk])


def waiting(user: User, *, key: str, now: datetime) -> Dialogue | None:
    """
    Find the conversation a typed text belongs to; none when nothing is asked that can be typed. One query.

    :param key: of the update; one that was taken down already belongs to its conversation still.
    :raises DialogueExpired: something was, but too long ago; that is said once.
    """
    dialogue = LAST.first(user=user.pk)
    if dialogue is None:
        return None
    if dialogue.heard == key:
        return dialogue
    if dialogue.ended_at is not None or not dialogue.asks:
        return None
    _require_time(dialogue, now)
    return dialogue


def of_button(button: CallbackToken, *, now: datetime) -> Dialogue:
    """
    Find the conversation a pressed button belongs to. One query.

    A button's subject is the conversation's ref, its version begins with the turn it was shown in: ``3:side=buy``.
    The button that was pressed last may be pressed again.

    :raises DialogueOver: it has ended, or another took its place.
    :raises DialogueExpired: nobody answered in time.
    :raises StaleButton: it has gone on since.
    """
    dialogue = Dialogue.objects.filter(user=button.user_id, ref=button.subject).first()
    if dialogue is None:
        raise DialogueOver
    if dialogue.heard == button.token:
        return dialogue
    if dialogue.ended_at is not None:
        raise DialogueOver
    _require_time(dialogue, now)
    if version_of(dialogue, "") != f"{button.version.partition(':')[0]}:":
        raise StaleButton
    return dialogue


def version_of(dialogue: Dialogue, meaning: str) -> str:
    """The version of a button that is shown in this turn."""
    return f"{dialogue.turn}:{meaning}"


def meaning_of(button: CallbackToken) -> str:
    """What a button of a conversation stands for."""
    return button.version.partition(":")[2]


def _require_time(dialogue: Dialogue, now: datetime) -> None:
    if dialogue.expires_at <= now:
        end(dialogue, key=dialogue.heard, now=now)
        raise DialogueExpired(minutes=int(LIFE.total_seconds() // 60))
