"""
The feeds that programs of clients and LPs follow, derived from the audit log after the fact.

Nothing of it is in the way of a trade: a job does it when the event has committed.
"""

from datetime import datetime, timedelta

from django.db.models import Max

from rfq import news
from rfq.errors import KeyReused
from rfq.models import FeedMark, PartyEvent, RequestKey, Rfq
from trading.lib.operations import operation
from users import capabilities
from users.models import AuditEvent, User

KEPT_FOR = timedelta(days=30)
KEYS_KEPT_FOR = timedelta(days=7)

WHERE = {"rfq": "ref", "quote": "quotes__ref", "fill": "fill__ref", "settlement": "fill__settlement__ref"}


@operation
def tell_parties(*, event_id: int, now: datetime) -> int:
    """
    Write what an audit event, and those of the same RFQ before it, mean to each party; the answer is how many rows.

    Events of one RFQ are told once and in their order, whichever jobs come in which order: what changes
    an RFQ holds its row, so its events have ascending ids.
    """
    event = AuditEvent.objects.get(pk=event_id)
    if not _is_told(event):
        return 0
    rfq = Rfq.objects.filter(**{WHERE[event.subject_type]: event.subject_ref}).first()
    if rfq is None:
        return 0
    FeedMark.objects.bulk_create([FeedMark(rfq=rfq)], ignore_conflicts=True)
    mark = FeedMark.objects.select_for_update().get(rfq=rfq)
    story = news.story_of(rfq, mark, now=now)
    later = AuditEvent.objects.filter(subject_ref__in=story.refs, pk__gt=mark.event_id).order_by("pk")
    events = [found for found in later if _is_told(found)]
    if not events:
        return 0
    rows = PartyEvent.objects.bulk_create(story.rows(events))
    mark.event_id = events[-1].pk
    mark.save()
    return len(rows)


def _is_told(event: AuditEvent) -> bool:
    return event.name in news.TELLING or event.subject_type == "settlement"


@operation
def claim_request_key(*, key: str, digest: bytes, actor: User, now: datetime) -> None:
    """
    Note what the client's program asks with this key.

    :raises KeyReused: it asked for something else with it before.
    """
    capabilities.require(actor, "rfq.request")
    row = RequestKey(counterparty=actor.counterparty, key=key, digest=digest, created_at=now)
    RequestKey.objects.bulk_create([row], ignore_conflicts=True)
    known = RequestKey.objects.get(counterparty=actor.counterparty, key=key)
    if bytes(known.digest) != digest:
        raise KeyReused


@operation
def forget_old_news(*, now: datetime) -> None:
    """Forget what was told long ago (each party's latest stays: somebody may go on from there), and old keys."""
    latest = PartyEvent.objects.values("counterparty").annotate(latest=Max("pk")).values("latest")
    PartyEvent.objects.filter(written_at__lt=now - KEPT_FOR).exclude(pk__in=latest).delete()
    RequestKey.objects.filter(created_at__lt=now - KEYS_KEPT_FOR).delete()
