"""Tidying up what is past its time. Deadlines are enforced where they matter; this only tells people."""

from datetime import datetime

from rfq.models import Quote, Rfq
from rfq.operations.pulling import reopen_if_unquoted
from trading.lib.clock import DatabaseClock
from trading.lib.operations import operation
from users import audit

AT_ONCE = 100


@operation
def expire_due(*, now: datetime) -> int:
    """
    Expire the RFQs and quotes whose time is over, a bounded number; the answer is how many.

    Rows somebody is working on are left for the next time.
    """
    rfqs = Rfq.objects.filter(status__in=Rfq.LIVE, expires_at__lte=DatabaseClock()).order_by("pk")
    due = list(rfqs.select_for_update(skip_locked=True)[:AT_ONCE])
    for rfq in due:
        _expire_rfq(rfq, now=now)
    return len(due) + _expire_quotes(now=now)


def _expire_rfq(rfq: Rfq, *, now: datetime) -> None:
    live = Quote.objects.filter(rfq=rfq, status__in=Quote.LIVE)
    live.update(status=Quote.Status.EXPIRED, updated_at=now)
    rfq.move(Rfq.Status.EXPIRED, at=now)
    audit.record("rfq.expired", actor=None, subject=rfq, at=now, change=audit.Change(after={"status": rfq.status}))


def _expire_quotes(*, now: datetime) -> int:
    past = Quote.objects.filter(status__in=Quote.LIVE, valid_until__lte=DatabaseClock())
    rfqs = Rfq.objects.filter(pk__in=past.values("rfq_id"), status__in=Rfq.LIVE).order_by("pk")
    expired = 0
    for rfq in rfqs.select_for_update(skip_locked=True)[:AT_ONCE]:
        for quote in past.filter(rfq=rfq):
            quote.move(Quote.Status.EXPIRED, at=now)
            change = audit.Change(after={"rfq": rfq.ref, "status": quote.status})
            audit.record("quote.expired", actor=None, subject=quote, at=now, change=change)
            expired += 1
        reopen_if_unquoted(rfq, now=now)
    return expired
