"""Writes of inbox and outbox: storing what is heard, queueing what is to be said, recording what became of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from alerting.inbox import Outgoing, Payload, chat_of, storable
from alerting.models import Alert, Heartbeat, InboundUpdate, LiveCard, MailAddress, OutboundMessage
from trading.lib import jobs
from trading.lib.operations import operation
from trading.lib.prepared import Read, any_of
from users import audit, context
from users.models import TelegramLink

MAX_ATTEMPTS = 3
RETRY_SECONDS = (0.5, 2.0)
LONGEST_ERROR = 300
MOST_COUNTED = 32_767
KEPT_FOR = timedelta(days=30)

_Inbound, _Outbound = InboundUpdate.Status, OutboundMessage.Status


@operation
def store_updates(*, updates: Sequence[Payload], now: datetime) -> None:
    """
    Keep updates, once each, and have them handled. Only after this may Telegram be told they arrived.

    A chat that writes can be reached again.
    """
    rows = [
        InboundUpdate(update_id=update["update_id"], chat_id=chat_of(update), payload=storable(update), received_at=now)
        for update in updates
    ]
    InboundUpdate.objects.bulk_create(rows, ignore_conflicts=True)
    chats = sorted({row.chat_id for row in rows})
    for chat_id in chats:
        handle_later(chat_id)
    _open_chats({row.chat_id for row in rows if "message" in row.payload or "callback_query" in row.payload}, now)


@operation
def finish_update(*, update: InboundUpdate, answers: Sequence[Outgoing], now: datetime) -> None:
    """Mark an update as handled, together with the answers to it."""
    update.move(_Inbound.HANDLED, at=now, handled_at=now, attempts=update.attempts + 1)
    _queue_answers(update, answers, now)


@operation
def postpone_update(*, update: InboundUpdate, error: str, now: datetime) -> datetime:
    """Note that handling failed, and try again shortly. Returns the instant of the next attempt."""
    seconds = RETRY_SECONDS[min(update.attempts, len(RETRY_SECONDS) - 1)]
    again_at = now + timedelta(seconds=seconds)
    InboundUpdate.objects.filter(pk=update.pk, status=_Inbound.WAITING).update(
        attempts=update.attempts + 1, error=error[:LONGEST_ERROR], not_before=again_at
    )
    handle_later(update.chat_id, at=again_at)
    return again_at


@operation
def fail_update(*, update: InboundUpdate, error: str, apology: Sequence[Outgoing], now: datetime) -> None:
    """Give up on an update so that the chat can go on, and tell its sender."""
    update.move(_Inbound.FAILED, at=now, handled_at=now, attempts=update.attempts + 1, error=error[:LONGEST_ERROR])
    _queue_answers(update, apology, now)


@operation
def queue_messages(*, messages: Iterable[OutboundMessage], now: datetime) -> None:
    """Put messages into the outbox; those whose key is there already are left alone."""
    queue(messages, now)


def queue(messages: Iterable[OutboundMessage], now: datetime) -> None:
    """Put messages into the outbox within the running transaction, and have them delivered after it."""
    rows = list(messages)
    for row in rows:
        row.created_at = now
        row.request_id = row.request_id or context.current().request_id
    OutboundMessage.objects.bulk_create(rows, ignore_conflicts=True)
    for chat_id in sorted({row.chat_id for row in rows if row.method != OutboundMessage.Method.MAIL}):
        deliver_later(chat_id)
    for row in rows:
        if row.method == OutboundMessage.Method.MAIL:
            send_later(row, at=row.not_before)


def handle_later(chat_id: int, *, at: datetime | None = None) -> None:
    """Have the chat's waiting updates handled, one job at a time per chat."""
    later = jobs.Later(at=at) if at else None
    jobs.defer("alerting.handle_chat", lock=f"chat:{chat_id}", later=later, unless_waiting=at is None, chat_id=chat_id)


def deliver_later(chat_id: int, *, at: datetime | None = None) -> None:
    """Have the chat's waiting messages delivered, one job at a time per chat."""
    later = jobs.Later(at=at) if at else None
    jobs.defer("alerting.deliver", lock=f"out:{chat_id}", later=later, unless_waiting=at is None, chat_id=chat_id)


def send_later(message: OutboundMessage, *, at: datetime | None = None) -> None:
    """Have a message delivered: with its chat's others, or a mail by itself."""
    if message.method != OutboundMessage.Method.MAIL:
        deliver_later(message.chat_id, at=at)
        return
    later, key = jobs.Later(at=at) if at else None, message.key
    jobs.defer("alerting.send_mail", lock=f"mail:{key}", later=later, unless_waiting=at is None, key=key)


@operation
def claim_message(*, message: OutboundMessage, now: datetime) -> None:
    """
    Take a message for sending.

    One that is `sending` already was left by a worker that died: whether it went out cannot be known,
    and a message twice is better than a receipt lost.
    """
    if message.status == _Outbound.SENDING:
        message.move(_Outbound.WAITING, at=now)
    message.move(_Outbound.SENDING, at=now, attempts=min(message.attempts + 1, MOST_COUNTED))


@operation
def message_sent(*, message: OutboundMessage, message_id: int | None, card: LiveCard | None, now: datetime) -> None:
    """Record a delivery, and what its card shows now. An address that takes mail is not closed (any more)."""
    message.move(_Outbound.SENT, at=now, sent_at=now, message_id=message_id, error="")
    if message.method == OutboundMessage.Method.MAIL and message.resent_at:
        MailAddress.objects.filter(user=message.user_id, address=message.address).update(refused_at=None)
    if card:
        LiveCard.objects.filter(pk=card.pk).update(
            message_id=message_id, digest=card.digest, shown_at=now, closed_at=card.closed_at
        )


@operation
def message_postponed(*, message: OutboundMessage, error: str, until: datetime, now: datetime) -> None:
    """Put a message back until then; the chat's other messages wait behind it."""
    message.move(_Outbound.WAITING, at=now, error=error[:LONGEST_ERROR], not_before=until)
    send_later(message, at=until)


@operation
def message_too_late(*, message: OutboundMessage, error: str, now: datetime) -> None:
    """Leave a message unsaid that has lost its meaning."""
    message.move(_Outbound.TOO_LATE, at=now, error=error[:LONGEST_ERROR])


@operation
def message_failed(*, message: OutboundMessage, error: str, now: datetime) -> None:
    """Give up on a message; the row says why."""
    message.move(_Outbound.FAILED, at=now, error=error[:LONGEST_ERROR])


@operation
def message_unreachable(*, message: OutboundMessage, error: str, now: datetime) -> None:
    """Note that this chat, or this address, does not take messages: on the message and on the link or address."""
    message.move(_Outbound.UNREACHABLE, at=now, error=error[:LONGEST_ERROR])
    if message.method == OutboundMessage.Method.MAIL:
        _close_address(message, now)
    else:
        _close_chat(message.chat_id, now)


@operation
def chat_unreachable(*, chat_id: int, now: datetime) -> None:
    """Note that this chat takes no messages."""
    _close_chat(chat_id, now)


@operation
def chat_reachable(*, chat_id: int, now: datetime) -> None:
    """Note that this chat takes messages (again)."""
    _open_chats({chat_id}, now)


@operation
def renew_menus(*, edition: str, now: datetime) -> None:
    """
    Have every chat that can be written to show this edition of its menu, once.

    What is in a menu is decided at delivery. A change of one person's menu comes by its event (`alerting.routing`);
    this is for menus that changed for everybody, and for chats that never had one.
    """
    links = TelegramLink.objects.select_related("user").filter(ended_at=None, unreachable_at=None)
    rows = [
        OutboundMessage(
            key=f"menu:{edition}:{link.pk}",
            chat_id=link.telegram_id,
            user=link.user,
            method=OutboundMessage.Method.MENU,
        )
        for link in links.order_by("pk")
    ]
    known = set(OutboundMessage.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    queue([row for row in rows if row.key not in known], now)


@operation
def beat(*, name: str, now: datetime) -> None:
    """Show that a process works."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now})


@operation
def resume_chats(*, updates: Iterable[int], messages: Iterable[int], mails: Iterable[OutboundMessage] = ()) -> None:
    """Give chats and mails their jobs back."""
    for mail in mails:
        send_later(mail)
    for chat_id in updates:
        handle_later(chat_id)
    for chat_id in messages:
        deliver_later(chat_id)


@operation
def forget_old(*, now: datetime) -> None:
    """Forget what was heard and said long ago; trades and their evidence are kept elsewhere, for ever."""
    before = now - KEPT_FOR
    InboundUpdate.objects.filter(received_at__lt=before).exclude(status=_Inbound.WAITING).delete()
    OutboundMessage.objects.filter(created_at__lt=before).exclude(status=_Outbound.WAITING).delete()
    LiveCard.objects.filter(closed_at__lt=before).delete()
    Alert.objects.filter(resolved_at__lt=before, fired_at=None).delete()  # nobody was ever told of them


def _close_chat(chat_id: int, now: datetime) -> None:
    """Mark the link, once; operations hear of it by the event."""
    live = TelegramLink.objects.select_related("user").filter(telegram_id=chat_id, ended_at=None, unreachable_at=None)
    for link in live.select_for_update(of=("self",)):
        TelegramLink.objects.filter(pk=link.pk).update(unreachable_at=now)
        change = audit.Change(after={"telegram_id": chat_id})
        audit.record("telegram.unreachable", actor=None, subject=link.user, at=now, change=change)


def _close_address(message: OutboundMessage, now: datetime) -> None:
    """Mark the address, once; operations hear of it by the event, unless it never was proved: its owner sees it."""
    found = MailAddress.objects.select_related("user").filter(user=message.user_id, address=message.address)
    for one in found.filter(refused_at=None).select_for_update(of=("self",)):
        MailAddress.objects.filter(pk=one.pk).update(refused_at=now)
        if one.confirmed_at:
            change = audit.Change(after={"message": message.ref})
            audit.record("mail.refused", actor=None, subject=one.user, at=now, change=change)


def _open_chats(chat_ids: Iterable[int], now: datetime) -> None:
    for link in CLOSED.rows(chats=list(chat_ids)):
        TelegramLink.objects.filter(pk=link.pk).update(unreachable_at=None)
        change = audit.Change(after={"telegram_id": link.telegram_id})
        audit.record("telegram.reachable", actor=link.user, subject=link.user, at=now, change=change)


def _closed() -> QuerySet[TelegramLink]:
    links = TelegramLink.objects.select_related("user").filter(telegram_id__in=any_of("chats", "bigint"), ended_at=None)
    return links.exclude(unreachable_at=None).select_for_update(of=("self",)).order_by("pk")


CLOSED = Read(_closed)


def _queue_answers(update: InboundUpdate, answers: Sequence[Outgoing], now: datetime) -> None:
    """Write the answers to an update; a card answer also turns its card to what the reader asked to see."""
    for answer in answers:
        if answer.method == OutboundMessage.Method.CARD and answer.user_id:
            focus = answer.payload.get("focus", "")
            card, made = LiveCard.objects.get_or_create(
                chat_id=update.chat_id,
                subject=answer.payload["subject"],
                defaults={"user_id": answer.user_id, "focus": focus},
            )
            if answer.payload.get("renew"):
                answer.payload["left"] = card.message_id
                LiveCard.objects.filter(pk=card.pk).update(message_id=None, digest="", closed_at=None, focus=focus)
            elif not made and card.focus != focus:
                LiveCard.objects.filter(pk=card.pk).update(focus=focus)
    rows = [
        OutboundMessage(
            key=f"tg:{update.update_id}:{number}",
            chat_id=update.chat_id,
            user_id=answer.user_id,
            method=answer.method,
            payload=answer.payload,
            request_id=f"tg:{update.update_id}",
        )
        for number, answer in enumerate(answers)
    ]
    if rows:
        queue(rows, now)
