"""Operations hear that the queue of settlements is long, or that one does not move: once in a window."""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min, Q

from alerting.flagged_off import Verdict
from alerting.models import Alert, OutboundMessage
from alerting.readers import Routing, readers
from alerting.thresholds import QUEUE_LENGTH, QUEUE_OLDEST, QUEUE_WINDOW
from settlement.models import Settlement
from trading.lib.chat import message
from trading.lib.operations import operation
from users import audit
from users.models import Role, User

log = logging.getLogger(__name__)
NAME = "settlement_queue"
Status = Settlement.Status
MOVING = (Status.APPROVED, Status.PAYING, Status.BLOCKED)  # these move by themselves; the others wait for people
WAITING = (*MOVING, Status.FLAGGED_OFF, Status.AWAITING_APPROVAL, Status.NEEDS_REVIEW)


@operation
def look_at_queue(*, now: datetime) -> Verdict:
    """
    Tell operations how many settlements wait, from `QUEUE_LENGTH` on, or when the oldest that should move does not.

    At most once in `QUEUE_WINDOW`, however many look at the same time; who looks sooner only counts.
    """
    Alert.objects.get_or_create(name=NAME)
    alert = Alert.objects.select_for_update().get(name=NAME)
    rows = Settlement.objects.filter(status__in=WAITING)
    found = rows.aggregate(number=Count("pk"), oldest=Min("updated_at", filter=Q(status__in=MOVING)))
    is_stuck = found["oldest"] is not None and now - found["oldest"] >= QUEUE_OLDEST
    if found["number"] < QUEUE_LENGTH and not is_stuck:
        return Verdict.QUIET
    if alert.told_at is not None and now < alert.told_at + QUEUE_WINDOW:
        alert.held_back += 1
        alert.held_back_since += 1
        alert.save(update_fields=["held_back", "held_back_since"])
        return Verdict.HELD_BACK
    oldest = found["oldest"].isoformat() if is_stuck else ""
    facts = {"count": found["number"], "oldest": oldest, "held_back": alert.held_back_since}
    alert.told_at, alert.told, alert.held_back_since = now, alert.told + 1, 0
    alert.save(update_fields=["told_at", "told", "held_back_since"])
    audit.record("alert.settlement_queue", actor=None, subject=alert, at=now, change=audit.Change(after=facts))
    log.warning("%s settlements wait; the oldest that should move: %s", found["number"], oldest or "in time")
    return Verdict.TOLD


def told(routing: Routing) -> Iterator[OutboundMessage]:
    """All of operations: the number alone, so whoever serves whom does not matter."""
    facts = routing.event.after
    oldest = datetime.fromisoformat(facts["oldest"]) if facts["oldest"] else None
    for reader in readers(User.objects.filter(role_grants__role=Role.OPS, role_grants__revoked_at=None)):
        yield routing.text(
            reader,
            lambda voice: message(
                "telegram/queue_long.html", {**facts, "oldest": voice.clock(oldest) if oldest else ""}
            ),
        )
