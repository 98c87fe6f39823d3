"""
What only another process can see: that no worker works. The bot looks, and delivers what it has to say by itself.

A worker that comes back meanwhile may deliver the same message a second time; better than nobody hearing of it.
"""

import asyncio
import logging
from datetime import datetime

from django.db import Error

from alerting import evaluating, queries, routing, tasks
from alerting.models import Alert, OutboundMessage
from trading.lib import clock, threads
from trading.lib.errors import Unavailable
from trading.lib.states import IllegalTransition
from users.models import AuditEvent

log = logging.getLogger("desk.bot")

LOOK_SECONDS = 15.0
SILENT = "worker_silent"


async def guard() -> None:
    """Look again and again. Cancel it to end."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await look(now=clock.now())
        except (Error, Unavailable) as error:
            log.warning("nobody looks after the worker: %s", type(error).__name__)
        except IllegalTransition:
            log.info("a worker is back: it delivers what the bot was about to")


async def look(*, now: datetime) -> None:
    """Evaluate the one rule; while it fires, deliver its notices, since no worker does."""
    await threads.run(evaluating.evaluate, now=now, only={SILENT})
    for chat_id in await threads.run(_unheard, now):
        await tasks.deliver(chat_id)


def _unheard(now: datetime) -> list[int]:
    """The chats that wait for a notice of the worker's silence."""
    refs = list(Alert.objects.filter(type=SILENT, status=Alert.Status.FIRING).values_list("ref", flat=True))
    chats: set[int] = set()
    for pk in AuditEvent.objects.filter(name="alert.told", subject_ref__in=refs).values_list("pk", flat=True):
        routing.dispatch(pk, now=now)
        waiting = OutboundMessage.objects.filter(key__startswith=f"event:{pk}:", status__in=queries.UNSETTLED)
        chats |= set(waiting.values_list("chat_id", flat=True))
    return sorted(chats)
