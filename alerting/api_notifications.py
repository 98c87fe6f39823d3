"""REST on the notification log: list, read, and send again what was given up. The same as the console's pages."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema
from pydantic import StringConstraints

from alerting import letters, notices, resending
from alerting.models import OutboundMessage
from trading.lib import clock
from users import capabilities
from users.api import READ, WRITE, Refusal, Short, actor

router = Router(tags=["desk"])
Ref = Annotated[str, Path(pattern=r"^MSG-[0-9]{4,12}$")]


class NotificationFilters(Schema):
    """Which messages a list shows."""

    state: Literal["", "waiting", "sent", "dead"] = ""
    channel: Literal["", "telegram", "mail"] = ""
    text: Short | None = None
    before: Annotated[str, StringConstraints(pattern=r"^MSG-[0-9]{4,12}$")] | None = None


class NotificationOut(Schema):
    """
    One message of the desk.

    `state` is waiting, sending, sent, failed, unreachable or too_late; `place` the chat's number or the address.
    """

    ref: str
    channel: str
    kind: str
    reader: str | None
    place: str
    event: str | None
    subject: str | None
    request_id: str
    state: str
    attempts: int
    error: str
    created_at: datetime
    not_before: datetime | None
    sent_at: datetime | None
    resent_at: datetime | None


class NotificationDetailOut(NotificationOut):
    """The same with what it says; "" where that is decided at its delivery."""

    text: str


class NotificationsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[NotificationOut]
    next: str | None


@router.get("/notifications", response={200: NotificationsOut, **READ}, summary="What the desk said to whom")
def list_notifications(request: HttpRequest, filters: Query[NotificationFilters]) -> NotificationsOut:
    """Messages to people whom the caller serves, newest first; `dead` are those that were given up."""
    reader = actor(request)
    capabilities.require(reader, "notification.view")
    criteria = notices.Criteria(filters.state, filters.channel, filters.text or "", filters.before or "")
    page = notices.page(criteria, reader=reader)
    return NotificationsOut(items=[NotificationOut(**_facts(row)) for row in page.rows], next=page.older or None)


@router.get("/notifications/{ref}", response={200: NotificationDetailOut, **READ, 404: Refusal}, summary="One message")
def get_notification(request: HttpRequest, ref: Ref) -> NotificationDetailOut:
    """With its words."""
    reader = actor(request)
    capabilities.require(reader, "notification.view")
    return _detail(notices.one(ref, reader=reader))


@router.post(
    "/notifications/{ref}/resend",
    response={200: NotificationDetailOut, **WRITE, 404: Refusal, 409: Refusal},
    summary="Send again what was given up",
)
def resend(request: HttpRequest, ref: Ref) -> NotificationDetailOut:
    """It goes out under the same name (Message-ID), so a mailbox that has it already can tell."""
    return _detail(resending.resend(ref=ref, actor=actor(request), now=clock.now()))


def _detail(message: OutboundMessage) -> NotificationDetailOut:
    text = message.payload.get("text", "")
    return NotificationDetailOut(**_facts(message), text=letters.plain(text) if text else "")


def _facts(message: OutboundMessage) -> dict[str, Any]:
    return {
        "ref": message.ref,
        "channel": message.channel.value,
        "kind": message.method,
        "reader": message.user.username if message.user else None,
        "place": message.address or str(message.chat_id),
        "event": message.event.name if message.event else None,
        "subject": message.event.subject_ref if message.event else None,
        "request_id": message.request_id,
        "state": message.status,
        "attempts": message.attempts,
        "error": message.error,
        "created_at": message.created_at,
        "not_before": message.not_before,
        "sent_at": message.sent_at,
        "resent_at": message.resent_at,
    }
