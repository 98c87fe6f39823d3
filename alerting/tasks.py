"""Jobs of the inbox and the outbox."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from alerting import cards, evaluating, figures, inbox, mail_jobs, menus, operations, papers, queries, routing
from alerting.inbox import Outgoing
from alerting.models import InboundUpdate, LiveCard, OutboundMessage
from alerting.outcomes import Gone, Later, Outcome, Refused, Sent, TooLate, Unreachable
from alerting.retries import AGAIN, AWAY
from rfq import operations as rfq_operations
from rfq.dispute_errors import AttachmentLost, AttachmentTooBig
from rfq.operations import attaching
from trading.lib import clock, threads
from trading.lib.errors import Unavailable
from users import context
from users.models import User

log = logging.getLogger(__name__)
send_mail = mail_jobs.send_mail  # its job is found by being imported here

LOST_AFTER = timedelta(seconds=20)
LONGEST_RETRY = timedelta(minutes=1)
MAX_ATTEMPTS = 8  # about two minutes, while Telegram takes other messages: this one is what it does not like
FLOWS_WITHIN = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)  # while Telegram takes none
ANSWER_LIFE = timedelta(minutes=1)  # nobody looks at a button for longer, and Telegram forgets who pressed it
BURST = 20  # so many of one chat, then the others have their turn
AGAIN_WHATEVER = RetryStrategy(max_attempts=6, exponential_wait=2)
FETCHES = 8
FETCH_AGAIN = RetryStrategy(max_attempts=FETCHES, exponential_wait=2, retry_exceptions=set(AWAY))
READY_IN = timedelta(seconds=2)
Method = OutboundMessage.Method
ANSWER = OutboundMessage.Method.ANSWER
EDIT = OutboundMessage.Method.EDIT
DOCUMENT = OutboundMessage.Method.DOCUMENT

# --- inbox ----------------------------------------------------------------------------------


@app.task(name="alerting.handle_chat", queue="messages", retry=AGAIN)
async def handle_chat(chat_id: int) -> None:
    """Handle what waits in one chat, in Telegram's order, one after the other."""
    update = await threads.run(queries.next_update, chat_id)
    for _turn in range(BURST):
        if update is None or (update.not_before and update.not_before > clock.now()):
            return  # its own job comes at that time
        update = await _handle(update)
    if update is not None:
        await threads.run(operations.handle_later, chat_id)


async def _handle(update: InboundUpdate) -> InboundUpdate | None:
    """Handle one update; the chat's next, unless this one must be tried again before any other of its chat."""
    try:
        answers = await inbox.handler()(update.payload)
    except AWAY:
        raise  # nothing wrong with the update: the job as a whole comes again
    except inbox.Unready as error:
        log.warning("%s", error)
        await threads.run(operations.handle_later, update.chat_id, at=clock.now() + READY_IN)
        return None
    except Exception as error:  # one bad update must not stop a chat
        log.exception("update %s failed (attempt %s)", update.update_id, update.attempts + 1)
        return await threads.run(_take_failure, update, error)
    return await threads.run(_finish, update, answers)


def _finish(update: InboundUpdate, answers: Sequence[Outgoing]) -> InboundUpdate | None:
    operations.finish_update(update=update, answers=answers, now=clock.now())
    return queries.next_update(update.chat_id)


def _take_failure(update: InboundUpdate, error: Exception) -> InboundUpdate | None:
    why, now = f"{type(error).__name__}: {error}", clock.now()
    if update.attempts + 1 < operations.MAX_ATTEMPTS:
        operations.postpone_update(update=update, error=why, now=now)
        return None
    operations.fail_update(update=update, error=why, apology=routing.apology(update.chat_id), now=now)
    return queries.next_update(update.chat_id)


# --- files that people send ------------------------------------------------------------------


@app.task(name="alerting.fetch_attachment", queue="messages", retry=FETCH_AGAIN, pass_context=True)
async def fetch_attachment(
    context: JobContext, *, dispute_ref: str, actor_id: int, file_id: str, file_name: str, key: str, origin: str = ""
) -> None:
    """Fetch a file for a dispute, outside of any transaction, then keep it or say why not."""
    from alerting import transports  # noqa: PLC0415 - see _deliver

    fetched = await transports.fetch(file_id, limit=attaching.MAX_BYTES)
    code = ""
    if isinstance(fetched, Later) and context.job.attempts + 1 < FETCHES:
        raise Unavailable
    if not isinstance(fetched, bytes):
        too_big = isinstance(fetched, Refused) and transports.TOO_BIG in fetched.why.lower()
        code = AttachmentTooBig.code if too_big else AttachmentLost.code
    received = rfq_operations.Received(file_name, fetched if isinstance(fetched, bytes) else b"", key, origin)
    await threads.run(_keep, dispute_ref, actor_id, received, code)


def _keep(dispute_ref: str, actor_id: int, received: rfq_operations.Received, code: str) -> None:
    actor, now = User.objects.get(pk=actor_id), clock.now()
    if not code:
        try:
            rfq_operations.attach(dispute_ref=dispute_ref, received=received, actor=actor, now=now)
        except tuple(attaching.REFUSALS.values()) as error:
            code = error.code
    if code:
        rfq_operations.refuse_attachment(dispute_ref=dispute_ref, code=code, received=received, actor=actor, now=now)


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
    message = await threads.run(_claim_next, chat_id)
    for turn in range(1, BURST + 1):
        if message is None:
            return
        with context.origin(message.request_id):
            card, outcome = await _deliver(message)
            message = await threads.run(_go_on, message, card, outcome, is_last=turn == BURST)


def _claim_next(chat_id: int) -> OutboundMessage | None:
    """Take the chat's next message for sending; nothing where there is none, or it has to wait."""
    message, now = queries.next_message(chat_id), clock.now()
    if message is None:
        return None
    if message.not_before and message.not_before > now:
        operations.deliver_later(chat_id, at=message.not_before)
        return None
    operations.claim_message(message=message, now=now)
    return message


def _go_on(
    message: OutboundMessage, card: LiveCard | None, outcome: Outcome, *, is_last: bool
) -> OutboundMessage | None:
    """Record what came of a delivery, and take the next; nothing when the chat must wait, or others have their turn."""
    if not _record(message, card, outcome):
        return None
    if not is_last:
        return _claim_next(message.chat_id)
    operations.deliver_later(message.chat_id)
    return None


async def _deliver(message: OutboundMessage) -> tuple[LiveCard | None, Outcome]:
    """Make one delivery; what came of it, and which card it shows."""
    from alerting import transports  # noqa: PLC0415 - only workers need the library behind it

    card = None
    try:
        if message.method == OutboundMessage.Method.CARD:
            delivery = await threads.run(cards.prepare, message, now=clock.now())
            card = delivery.card
            outcome = await _deliver_card(message, delivery)
            await _point_to_it(message, outcome)
        elif message.method == ANSWER:
            outcome = await _answer(message)
        elif message.method == EDIT:
            outcome = await _edit_or_send(message)
        elif message.method == DOCUMENT:
            outcome = await _send_document(message)
        elif message.method == Method.STRIP:
            outcome = await transports.strip(message.chat_id, message.payload["message_id"])
        elif message.method == Method.MENU:
            outcome = await transports.menu(message.chat_id, await threads.run(menus.prepare, message.chat_id))
        else:
            buttons = transports.as_buttons(message.payload)
            outcome = await transports.send(
                message.chat_id,
                message.payload["text"],
                buttons,
                language=_language(message),
                silent=_is_silent(message),
            )
    except AWAY:
        raise
    except Exception as error:  # a card that cannot be drawn must not stop the chat
        log.exception("message %s cannot be delivered", message.pk)
        outcome = Refused(f"{type(error).__name__}: {error}")
    return card, outcome


async def _answer(message: OutboundMessage) -> Outcome:
    """Answer a button, unless whoever pressed it has long turned away."""
    from alerting import transports  # noqa: PLC0415 - see _deliver

    if clock.now() - message.created_at > ANSWER_LIFE:
        return TooLate("the button was pressed too long ago")
    payload = message.payload
    text, is_alert = payload.get("text", ""), payload.get("is_alert", False)
    return await transports.answer(payload["callback_id"], text, language=_language(message), is_alert=is_alert)


async def _edit_or_send(message: OutboundMessage) -> Outcome:
    """Put a text in the place of an earlier one; where that is gone, or too old to edit, write a new message."""
    from alerting import transports  # noqa: PLC0415 - see _deliver

    payload, language = message.payload, _language(message)
    text, buttons = payload["text"], transports.as_buttons(payload)
    outcome = await transports.edit(message.chat_id, payload["message_id"], text, buttons, language=language)
    if isinstance(outcome, Gone):
        return await transports.send(message.chat_id, text, buttons, language=language)
    return outcome


async def _send_document(message: OutboundMessage) -> Outcome:
    """Make a paper and send it; where it cannot be made any more, say why."""
    from alerting import transports  # noqa: PLC0415 - see _deliver

    made, language = await threads.run(papers.prepare, message), _language(message)
    if isinstance(made, str):
        return await transports.send(message.chat_id, made, [], language=language)
    return await transports.document(message.chat_id, made, message.payload["caption"], language=language)


async def _deliver_card(message: OutboundMessage, delivery: cards.Delivery) -> Outcome:
    from alerting import transports  # noqa: PLC0415 - see _deliver

    card, buttons, language = delivery.card, [list(row) for row in delivery.buttons], _language(message)
    if not delivery.text:
        return Sent(card.message_id)
    if card.message_id is not None:
        outcome = await transports.edit(message.chat_id, card.message_id, delivery.text, buttons, language=language)
        if not isinstance(outcome, Gone):
            return outcome
    silent = _is_silent(message)
    return await transports.send(message.chat_id, delivery.text, buttons, language=language, silent=silent)


async def _point_to_it(message: OutboundMessage, outcome: Outcome) -> None:
    """Where a card stood before it was written anew, say that it did; a message too old for that stays as it is."""
    from alerting import transports  # noqa: PLC0415 - see _deliver

    left = message.payload.get("left")
    if left and isinstance(outcome, Sent):
        words = await threads.run(cards.moved, message)
        await transports.edit(message.chat_id, left, words, [], language=_language(message))


def _is_silent(message: OutboundMessage) -> bool:
    return bool(message.payload.get("silent"))


def _language(message: OutboundMessage) -> str:
    """In which language a message is written: its reader's; a stranger's is noted with it."""
    return message.user.language if message.user else str(message.payload.get("language", ""))


def _record(message: OutboundMessage, card: LiveCard | None, outcome: Outcome) -> bool:
    now = clock.now()
    match outcome:
        case Sent(message_id):
            operations.message_sent(message=message, message_id=message_id, card=card, now=now)
            log.info("message %s is sent: %s", message.pk, message.method)
        case Unreachable(why):
            log.warning("chat of message %s takes no messages: %s", message.pk, why)
            operations.message_unreachable(message=message, error=why, now=now)
        case Later(why, after):
            if _is_hopeless(message, after, now):
                log.error("message %s is given up after %s attempts: %s", message.pk, message.attempts, why)
                operations.message_failed(message=message, error=why, now=now)
                return True
            until = now + (after or _backoff(message.attempts))
            operations.message_postponed(message=message, error=why, until=until, now=now)
            return False
        case Refused(why):
            log.error("Telegram refused message %s: %s", message.pk, why)
            operations.message_failed(message=message, error=why, now=now)
        case Gone():
            log.warning("message %s had nothing to change: it is gone", message.pk)
            operations.message_failed(message=message, error="the message is gone", now=now)
        case TooLate(why):
            log.info("message %s is not sent: %s", message.pk, why)
            operations.message_too_late(message=message, error=why, now=now)
    return True


def _is_hopeless(message: OutboundMessage, after: timedelta | None, now: datetime) -> bool:
    """
    Whether a message is given up, so that its chat can go on.

    While Telegram takes nothing from anybody, each waits: it is not to blame. A wish to wait is granted.
    """
    if now - (message.resent_at or message.created_at) > LONGEST_WAIT:
        return True
    return after is None and message.attempts >= MAX_ATTEMPTS and queries.anything_sent(since=now - FLOWS_WITHIN)


def _backoff(attempts: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(max(0, attempts - 1), 10)), LONGEST_RETRY)


# --- care -----------------------------------------------------------------------------------


@app.periodic(cron="* * * * * */10")
@app.task(name="alerting.resume", queue="messages", lock="alerting.resume")
def resume(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Give chats and mails whose job ended in an error their job back."""
    now = clock.now()
    updates, messages = queries.forgotten_chats(now=now, patience=LOST_AFTER)
    mails = queries.forgotten_mails(now=now, patience=LOST_AFTER)
    if updates or messages or mails:
        operations.resume_chats(updates=updates, messages=messages, mails=mails)


@app.periodic(cron="* * * * * */30")
@app.task(name="alerting.evaluate", queue="default", lock="alerting.evaluate")
def evaluate(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every half minute: look at everything that is watched."""
    evaluating.evaluate(now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name="alerting.fold_figures", queue="default", lock="alerting.fold_figures")
def fold_figures(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: add up what was counted for Prometheus."""
    figures.fold()


@app.periodic(cron="17 3 * * *")
@app.task(name="alerting.forget_old", queue="messages", lock="alerting.forget_old")
def forget_old(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every night: forget what was heard and said long ago."""
    operations.forget_old(now=clock.now())
