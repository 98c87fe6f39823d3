"""The job of a mail: one letter each, so that one that must wait holds up no other."""

import logging
from datetime import datetime, timedelta

from procrastinate.contrib.django import app

from alerting import letters, operations, queries, smtp
from alerting.models import OutboundMessage
from alerting.outcomes import Later, Outcome, Refused, Sent, TooLate, Unreachable
from alerting.retries import AGAIN, AWAY
from trading.lib import clock
from users import context

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=30)  # servers that greylist want a quarter of an hour
GIVEN_UP_AFTER = timedelta(days=2)


@app.task(name="alerting.send_mail", queue="messages", retry=AGAIN)
def send_mail(key: str) -> None:
    """Send one mail of the outbox, unless it is through or has to wait."""
    message, now = queries.unsettled_mail(key), clock.now()
    if message is None:
        return
    if message.not_before and message.not_before > now:
        operations.send_later(message, at=message.not_before)
        return
    with context.origin(message.request_id):
        operations.claim_message(message=message, now=now)
        _record(message, _send(message), clock.now())


def _send(message: OutboundMessage) -> Outcome:
    if not letters.is_on():
        return Later("no mail server is configured: set EMAIL_URL")
    try:
        letter = letters.write(message)
    except AWAY:
        raise
    except Exception as error:  # one that cannot be written will not be better tomorrow
        log.exception("mail %s cannot be written", message.ref)
        return Refused(f"{type(error).__name__}: it cannot be written")
    return letter if isinstance(letter, TooLate) else smtp.send(letter)


def _record(message: OutboundMessage, outcome: Outcome, now: datetime) -> None:
    """Keep what came of it. What the server said stays in the row: it names the address, which no log line does."""
    match outcome:
        case Sent():
            operations.message_sent(message=message, message_id=None, card=None, now=now)
            log.info("message %s is sent: mail", message.pk)
        case Unreachable(why):
            log.warning("the address of mail %s takes none", message.ref)
            operations.message_unreachable(message=message, error=why, now=now)
        case Later(why) if now - (message.resent_at or message.created_at) > GIVEN_UP_AFTER:
            log.error("mail %s is given up after %s attempts", message.ref, message.attempts)
            operations.message_failed(message=message, error=why, now=now)
        case Later(why):
            operations.message_postponed(message=message, error=why, until=now + pause(message.attempts), now=now)
        case TooLate(why):
            operations.message_too_late(message=message, error=why, now=now)
        case Refused(why):
            log.error("the mail server refused mail %s", message.ref)
            operations.message_failed(message=message, error=why, now=now)
        case _:
            raise TypeError(f"a mail does not come to {outcome}")


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    return min(FIRST_PAUSE * (1 << min(max(0, attempts - 1), 10)), LONGEST_PAUSE)
