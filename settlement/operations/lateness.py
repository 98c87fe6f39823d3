"""Telling which settlements are past their deadline, once each."""

from datetime import datetime

from settlement import queries
from settlement.models import Settlement
from trading.lib.operations import operation
from users import audit

TOLD_AT_ONCE = 100


@operation
def tell_late(*, now: datetime) -> int:
    """Write an event for each open settlement past its deadline that has none, so many at once; how many it were."""
    waiting = queries.late(now=now).filter(late_told_at=None).order_by("due_at")
    rows = list(waiting.select_for_update(skip_locked=True)[:TOLD_AT_ONCE])
    for settlement in rows:
        Settlement.objects.filter(pk=settlement.pk).update(late_told_at=now)
        after = {"status": settlement.status, "due_at": settlement.due_at.isoformat() if settlement.due_at else ""}
        change = audit.Change(after=after, reason=settlement.reason)
        audit.record("settlement.late", actor=None, subject=settlement, at=now, change=change)
    return len(rows)
