"""Reads about what is heard and said."""

from datetime import datetime, timedelta

from django.db.models import Q

from alerting.models import Heartbeat, InboundUpdate, LiveCard, OutboundMessage
from trading.lib.prepared import Given, Read

SILENT_AFTER = timedelta(seconds=60)  # a process that has not shown itself for so long is not there
MOST_RESUMED = 1000
UNSETTLED = (OutboundMessage.Status.WAITING, OutboundMessage.Status.SENDING)
IN_CHAT = {"chat_id": Given("chat")}
NEXT_UPDATE = Read(
    lambda: InboundUpdate.objects.filter(**IN_CHAT, status=InboundUpdate.Status.WAITING).order_by("update_id")[:1]
)
NEXT_MESSAGE = Read(
    lambda: OutboundMessage.objects.filter(**IN_CHAT, status__in=UNSETTLED).select_related("user").order_by("pk")[:1]
)


def next_update(chat_id: int) -> InboundUpdate | None:
    """Find the first update of the chat that still waits, in Telegram's order."""
    return NEXT_UPDATE.first(chat=chat_id)


def was_handled(chat_id: int, message_id: int | None) -> bool:
    """Whether a message that somebody wrote, or a change to it, has been seen through by its handler."""
    handled = InboundUpdate.objects.filter(chat_id=chat_id, status=InboundUpdate.Status.HANDLED)
    is_it = Q(payload__message__message_id=message_id) | Q(payload__edited_message__message_id=message_id)
    return handled.filter(is_it).exists()


def next_message(chat_id: int) -> OutboundMessage | None:
    """Find the first message to the chat that is not through, in the order they were written."""
    return NEXT_MESSAGE.first(chat=chat_id)


def unsettled_mail(key: str) -> OutboundMessage | None:
    """Find a mail that is not through."""
    mails = OutboundMessage.objects.filter(key=key, method=OutboundMessage.Method.MAIL, status__in=UNSETTLED)
    return mails.select_related("user", "event").first()


def anything_sent(*, since: datetime) -> bool:
    """Whether Telegram took any message since then, of whatever chat."""
    recent = OutboundMessage.objects.filter(created_at__gt=since - timedelta(hours=1), sent_at__gt=since)
    return recent.exclude(method=OutboundMessage.Method.MAIL).exists()


def forgotten_chats(*, now: datetime, patience: timedelta) -> tuple[list[int], list[int]]:
    """
    Find chats whose job got lost: those with due updates, and those with due messages, older than `patience`.

    Every update and message comes with its job; this is for what no code foresaw.
    """
    due = Q(not_before__isnull=True) | Q(not_before__lt=now - patience)
    updates = InboundUpdate.objects.filter(due, status=InboundUpdate.Status.WAITING, received_at__lt=now - patience)
    messages = OutboundMessage.objects.filter(due, status__in=UNSETTLED, created_at__lt=now - patience)
    chats = messages.exclude(method=OutboundMessage.Method.MAIL)
    return (
        list(updates.values_list("chat_id", flat=True).distinct()),
        list(chats.values_list("chat_id", flat=True).distinct()),
    )


def forgotten_mails(*, now: datetime, patience: timedelta) -> list[OutboundMessage]:
    """Find mails whose job got lost, likewise."""
    due = Q(not_before__isnull=True) | Q(not_before__lt=now - patience)
    mails = OutboundMessage.objects.filter(due, method=OutboundMessage.Method.MAIL, status__in=UNSETTLED)
    return list(mails.filter(created_at__lt=now - patience).order_by("pk")[:MOST_RESUMED])


def heartbeats() -> dict[str, datetime]:
    """When each process last showed that it works, by name."""
    return dict(Heartbeat.objects.values_list("name", "at"))


def subject_of(chat_id: int, message_id: int) -> str:
    """What the card in this message of a chat is about; "" when it is none. One query."""
    found = LiveCard.objects.filter(chat_id=chat_id, message_id=message_id).values_list("subject", flat=True)
    return found.first() or ""


def last_mailed_at() -> datetime | None:
    """When a mail server last took a letter."""
    sent = OutboundMessage.objects.filter(method=OutboundMessage.Method.MAIL, status=OutboundMessage.Status.SENT)
    return sent.order_by("-pk").values_list("sent_at", flat=True).first()
