"""Reads about what is heard and said."""

from datetime import datetime, timedelta

from django.db.models import Q

from alerting.models import Heartbeat, InboundUpdate, OutboundMessage

UNSETTLED = (OutboundMessage.Status.WAITING, OutboundMessage.Status.SENDING)


def next_update(chat_id: int) -> InboundUpdate | None:
    """Find the first update of the chat that still waits, in Telegram's order."""
    waiting = InboundUpdate.objects.filter(chat_id=chat_id, status=InboundUpdate.Status.WAITING)
    return waiting.order_by("update_id").first()


def next_message(chat_id: int) -> OutboundMessage | None:
    """Find the first message to the chat that is not through, in the order they were written."""
    unsettled = OutboundMessage.objects.filter(chat_id=chat_id, status__in=UNSETTLED).select_related("user")
    return unsettled.order_by("pk").first()


def forgotten_chats(*, now: datetime, patience: timedelta) -> tuple[list[int], list[int]]:
    """
    Find chats whose job got lost: those with due updates, and those with due messages, older than `patience`.

    Every update and message comes with its job; this is for what no code foresaw.
    """
    due = Q(not_before__isnull=True) | Q(not_before__lt=now - patience)
    updates = InboundUpdate.objects.filter(due, status=InboundUpdate.Status.WAITING, received_at__lt=now - patience)
    messages = OutboundMessage.objects.filter(due, status__in=UNSETTLED, created_at__lt=now - patience)
    return (
        list(updates.values_list("chat_id", flat=True).distinct()),
        list(messages.values_list("chat_id", flat=True).distinct()),
    )


def heartbeats() -> dict[str, datetime]:
    """When each process last showed that it works, by name."""
    return dict(Heartbeat.objects.values_list("name", "at"))
