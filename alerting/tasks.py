"""Jobs of the inbox and the outbox."""

import logging
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from alerting import cards, inbox, operations, queries, routing
from alerting.models import InboundUpdate, LiveCard, OutboundMessage
from alerting.outcomes import Gone, Later, Outcome, Refused, Sent, Unreachable
from rfq import operations as rfq_operations
from trading.lib import clock, threads
from trading.lib.errors import Unavailable

log = logging.getLogger(__name__)

LOST_AFTER = timedelta(seconds=20)
LONGEST_RETRY = timedelta(minutes=1)
MAX_ATTEMPTS = 30  # about 25 minutes of silence
MAX_ATTEMPTS_TO_ANSWER = 4  # a button press waits no longer
AWAY = (OperationalError, InterfaceError, Unavailable)  # nothing wrong with what is to be done: it comes again
AGAIN = RetryStrategy(max_attempts=20, wait=1, retry_exceptions=set(AWAY))
AGAIN_WHATEVER = RetryStrategy(max_attempts=6, exponential_wait=2)
READY_IN = timedelta(seconds=2)
ANSWER = OutboundMessage.Method.ANSWER
SEND = OutboundMessage.Method.SEND

# --- inbox ----------------------------------------------------------------------------------


@app.task(name="alerting.handle_chat", queue="messages", retry=AGAIN)
async def handle_chat(chat_id: int) -> None:
    """Handle what waits in one chat, in Telegram's order, one after the other."""
    while update := await threads.run(queries.next_update, chat_id):
        if update.not_before and update.not_before > clock.now():
            return  # its own job comes at that time
        if not await _handle(update):
            return


async def _handle(update: InboundUpdate) -> bool:
    """Handle one update; false when it must be tried again before any other of its chat."""
    try:
        answers = await inbox.handler()(update.payload)
    except AWAY:
        raise  # nothing wrong with the update: the job as a whole comes again
    except inbox.Unready as error:
        log.warning("%s", error)
        await threads.run(operations.handle_later, update.chat_id, at=clock.now() + READY_IN)
        return False
    except Exception as error:  # one bad update must not stop a chat
        log.exception("update %s failed (attempt %s)", update.update_id, update.attempts + 1)
        return await threads.run(_take_failure, update, error)
    await threads.run(operations.finish_update, update=update, answers=answers, now=clock.now())
    return True


def _take_failure(update: InboundUpdate, error: Exception) -> bool:
    why, now = f"{type(error).__name__}: {error}", clock.now()
    if update.attempts + 1 < operations.MAX_ATTEMPTS:
        operations.postpone_update(update=update, error=why, now=now)
        return False
    operations.fail_update(update=update, error=why, apology=routing.apology(update.chat_id), now=now)
    return True


# --- outbox ---------------------------------------------------------------------------------


@app.task(name="alerting.dispatch_event", queue="messages", retry=AGAIN_WHATEVER)
def dispatch_event(event_id: int) -> None:
    """Tell those whom an audit event concerns: programs by their feeds, people by messages."""
    try:
        rfq_operations.tell_parties(event_id=event_id, now=clock.now())
    finally:  # neither waits until the other can be told
        routing.dispatch(event_id, now=clock.now())


@app.task(name="alerting.deliver", queue="messages", retry=AGAIN)
async def deliver(chat_id: int) -> None:
    """Deliver what waits for one chat, in order. A message that must wait holds up those behind it."""
    while message := await threads.run(queries.next_message, chat_id):
        now = clock.now()
        if message.not_before and message.not_before > now:
            await threads.run(operations.deliver_later, chat_id, at=message.not_before)
            return
        await threads.run(operations.claim_message, message=message, now=now)
        if not await _deliver(message):
            return


async def _deliver(message: OutboundMessage) -> bool:
    """Make one delivery and record what came of it; false when the chat must wait."""
    from alerting import transports  # noqa: PLC0415 - only workers need the library behind it

    card = None
    try:
        if message.method == OutboundMessage.Method.CARD:
            delivery = await threads.run(cards.prepare, message, now=clock.now())
            card = delivery.card
            outcome = await _deliver_card(message.chat_id, delivery)
        elif message.method == ANSWER:
            payload = message.payload
            outcome = await transports.answer(
                payload["callback_id"], payload.get("text", ""), is_alert=payload.get("is_alert", False)
            )
        else:
            buttons = transports.as_buttons(message.payload)
            outcome = await transports.send(message.chat_id, message.payload["text"], buttons)
    except AWAY:
        raise
    except Exception as error:  # a card that cannot be drawn must not stop the chat
        log.exception("message %s cannot be delivered", message.pk)
        outcome = Refused(f"{type(error).__name__}: {error}")
    return await threads.run(_record, message, card, outcome)


async def _deliver_card(chat_id: int, delivery: cards.Delivery) -> Outcome:
    from alerting import transports  # noqa: PLC0415 - see _deliver

    card, buttons = delivery.card, [list(row) for row in delivery.buttons]
    if not delivery.text:
        return Sent(card.message_id)
    if card.message_id is not None:
        outcome = await transports.edit(chat_id, card.message_id, delivery.text, buttons)
        if not isinstance(outcome, Gone):
            return outcome
    return await transports.send(chat_id, delivery.text, buttons)


def _record(message: OutboundMessage, card: LiveCard | None, outcome: Outcome) -> bool:
    now = clock.now()
    match outcome:
        case Sent(message_id):
            operations.message_sent(message=message, message_id=message_id, card=card, now=now)
        case Unreachable(why):
            operations.message_unreachable(message=message, error=why, now=now)
        case Later(why, after):
            patience = MAX_ATTEMPTS_TO_ANSWER if message.method == ANSWER else MAX_ATTEMPTS
            if after is None and message.attempts >= patience:
                operations.message_failed(message=message, error=why, now=now)
                return True
            until = now + (after or _backoff(message.attempts))
            operations.message_postponed(message=message, error=why, until=until, now=now)
            return False
        case Refused(why):
            log.error("Telegram refused message %s: %s", message.pk, why)
            operations.message_failed(message=message, error=why, now=now)
        case Gone():
            operations.message_failed(message=message, error="the message is gone", now=now)
    return True


def _backoff(attempts: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(max(0, attempts - 1), 10)), LONGEST_RETRY)


# --- care -----------------------------------------------------------------------------------


@app.periodic(cron="* * * * * */10")
@app.task(name="alerting.resume", queue="messages", lock="alerting.resume")
def resume(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Give chats whose job ended in an error their job back."""
    updates, messages = queries.forgotten_chats(now=clock.now(), patience=LOST_AFTER)
    if updates or messages:
        operations.resume_chats(updates=updates, messages=messages)


@app.periodic(cron="17 3 * * *")
@app.task(name="alerting.forget_old", queue="messages", lock="alerting.forget_old")
def forget_old(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every night: forget what was heard and said long ago."""
    operations.forget_old(now=clock.now())
