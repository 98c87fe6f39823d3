"""
The feeds that programs of clients and LPs follow, derived from the audit log after the fact.

Nothing of it is in the way of a trade: a job does it when the event has committed.
"""

from datetime import datetime, timedelta

from django.db.models import Max

from rfq import news
from rfq.errors import KeyReused
from rfq.models import FeedMark, PartyEvent, RequestKey, Rfq
from trading.lib import prepared
from trading.lib.operations import operation
from trading.lib.prepared import Given, Read, any_of
from users import audit, capabilities
from users.models import AuditEvent, User

KEPT_FOR = timedelta(days=30)
KEYS_KEPT_FOR = timedelta(days=7)

# What was there stays, and is the answer.
CLAIM = """
insert into rfq_requestkey (counterparty_id, key, digest, created_at) values (%s, %s, %s, %s)
on conflict (counterparty_id, key) do update set key = excluded.key returning digest
"""
MARK = Read(lambda: FeedMark.objects.select_for_update().filter(rfq=Given("rfq")))
LATER = Read(
    lambda: AuditEvent.objects.filter(subject_ref__in=any_of("refs", "text"), pk__gt=Given("mark")).order_by("pk")
)
FIRST = """
insert into rfq_feedmark (rfq_id, event_id, best_quote, settlement_status) values (%s, 0, '', '') on conflict do nothing
"""
TOLD = "update rfq_feedmark set event_id = %s, best_quote = %s, settlement_status = %s where rfq_id = %s"
# The RFQ that an event is about, by what its subject is.
WHOSE: dict[str, Read[Rfq]] = {
    "rfq": Read(lambda: Rfq.objects.filter(ref=Given("ref"))),
    "quote": Read(lambda: Rfq.objects.filter(quotes__ref=Given("ref"))),
    "fill": Read(lambda: Rfq.objects.filter(fill__ref=Given("ref"))),
    "settlement": Read(lambda: Rfq.objects.filter(fill__settlement__ref=Given("ref"))),
}


@operation
def tell_parties(*, event_id: int, now: datetime) -> int:
    """
    Write what an audit event, and those of the same RFQ before it, mean to each party; the answer is how many rows.

    Events of one RFQ are told once and in their order, whichever jobs come in which order: what changes
    an RFQ holds its row, so its events have ascending ids.
    """
    event = audit.event_of(event_id)
    if not _is_told(event):
        return 0
    rfq = WHOSE[event.subject_type].first(ref=event.subject_ref)
    if rfq is None:
        return 0
    mark = _locked_mark(rfq)
    if mark.event_id >= event_id:
        return 0
    story = news.story_of(rfq, mark, now=now)
    events = [found for found in LATER.rows(refs=story.refs, mark=mark.event_id) if _is_told(found)]
    if not events:
        return 0
    rows = PartyEvent.objects.bulk_create(story.rows(events))
    with prepared.cursor() as cursor:
        cursor.execute(TOLD, [events[-1].pk, mark.best_quote, mark.settlement_status, rfq.pk])
    return len(rows)


def _locked_mark(rfq: Rfq) -> FeedMark:
    """How far the RFQ's events were told; made when it is the first."""
    if known := MARK.first(rfq=rfq.pk):
        return known
    with prepared.cursor() as cursor:
        cursor.execute(FIRST, [rfq.pk])
    return MARK.one(rfq=rfq.pk)


def _is_told(event: AuditEvent) -> bool:
    return event.name in news.TELLING or event.subject_type == "settlement"


@operation
def claim_request_key(*, key: str, digest: bytes, actor: User, now: datetime) -> None:
    """
    Note what the client's program asks with this key.

    :raises KeyReused: it asked for something else with it before.
    """
    capabilities.require(actor, "rfq.request")
    with prepared.cursor() as cursor:
        cursor.execute(CLAIM, [actor.counterparty_id, key, digest, now])
        (known,) = cursor.fetchone()
    if bytes(known) != digest:
        raise KeyReused


@operation
def forget_old_news(*, now: datetime) -> None:
    """Forget what was told long ago (each party's latest stays: somebody may go on from there), and old keys."""
    latest = PartyEvent.objects.values("counterparty").annotate(latest=Max("pk")).values("latest")
    PartyEvent.objects.filter(written_at__lt=now - KEPT_FOR).exclude(pk__in=latest).delete()
    RequestKey.objects.filter(created_at__lt=now - KEYS_KEPT_FOR).delete()
