"""Writing the audit log, and sealing it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django.db import connection
from django.db.models import Model

from trading.lib import jobs
from trading.lib.prepared import Given, Read
from trading.lib.rows import insert_of, written
from users import context
from users.models import AuditEvent, AuditSeal, User

GENESIS = hashlib.sha256(b"usdt-desk audit seal 0").digest()
SEAL_BATCH = 1000
LONGEST_TRANSACTION = timedelta(minutes=5)
SYSTEM = "system"
UNSEALED = """
    with sealed as (select unnest(event_ids) as id from users_auditseal where number > %(number)s)
    select event.* from users_auditevent event left join sealed on sealed.id = event.id
    where sealed.id is null and event.id > (
        select coalesce(max(event_ids[cardinality(event_ids)]), 0) from users_auditseal where number <= %(number)s
    )
    order by event.id limit %(limit)s
"""
EVENT = Read(lambda: AuditEvent.objects.filter(pk=Given("pk")))
COUNT_UNSEALED = f"select count(*) from ({UNSEALED}) as found"  # noqa: S608 - the statement above


class Subject(Protocol):
    """Whatever an event is about: it has a reference people know."""

    @property
    def ref(self) -> str:
        """The reference."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an act changed, and why: plain values, amounts as strings."""

    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    reason: str = ""
    capability: str = ""
    secondary_approver: User | None = None
    digest: bytes | None = None


NOTHING = Change()


def record(
    name: str,
    *,
    actor: User | None,
    subject: Subject,
    at: datetime,
    change: Change = NOTHING,
    beside: Model | None = None,
) -> AuditEvent:
    """
    Write one audit event in the current transaction and let `alerting` route it.

    :param name: what happened, ``rfq.created``.
    :param actor: who did it; nobody for what the desk does by itself.
    :param beside: a new row that is written in the same statement: what the event tells of.
    """
    where = context.current()
    event = AuditEvent(
        at=at,
        name=name,
        actor=actor,
        actor_name=actor.username if actor else SYSTEM,
        capability=change.capability,
        subject_type=subject.__class__.__name__.lower(),  # `type` would name the wrapper that `request.user` is
        subject_ref=subject.ref,
        before=dict(change.before or {}),
        after=dict(change.after or {}),
        reason=change.reason,
        secondary_approver=change.secondary_approver,
        digest=change.digest,
        request_id=where.request_id,
        address=where.address,
    )
    new = insert_of(beside) if beside else None
    pk, other = jobs.defer_told("alerting.dispatch_event", insert_of(event), "event_id", beside=new)
    written(event, pk)
    if beside and other:
        written(beside, other)
    return event


def event_of(pk: int) -> AuditEvent:
    """
    Read one event. One query.

    :raises AuditEvent.DoesNotExist: there is none.
    """
    return EVENT.one(pk=pk)


def seal(*, at: datetime, limit: int = SEAL_BATCH) -> AuditSeal | None:
    """
    Seal up to `limit` committed events that no seal holds yet; nothing when there are none.

    Assumes a transaction and that one sealer runs at a time (the seal's number is unique, so a
    second one fails and seals nothing).
    """
    # First the last seal, then the events: one made in between has this number, and this one fails.
    last = AuditSeal.objects.order_by("-number").first()
    events = unsealed(limit=limit)
    if not events:
        return None
    previous = bytes(last.hash) if last else GENESIS
    number = last.number + 1 if last else 1
    body = events_hash(events)
    return AuditSeal.objects.create(
        number=number,
        event_ids=[event.pk for event in events],
        events_hash=body,
        previous_hash=previous,
        hash=seal_hash(number, body, previous),
        sealed_at=at,
    )


def unsealed(*, limit: int = SEAL_BATCH) -> list[AuditEvent]:
    """
    Committed events outside every seal, oldest first.

    Ids are drawn before commit, so a lower one may appear after a higher one was sealed. What the
    last seal could not see yet had begun at most the longest possible transaction before it, so its
    id is above all that older seals hold; among the younger seals each event is looked for.
    """
    return list(AuditEvent.objects.raw(UNSEALED, {"number": _old_seal(), "limit": limit}))


def count_unsealed() -> int:
    """How many committed events no seal holds yet."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_UNSEALED, {"number": _old_seal(), "limit": None})
        return int(cursor.fetchone()[0])


def _old_seal() -> int:
    """The number of the newest seal that saw every event with an id below its own; 0 when there is none."""
    last = AuditSeal.objects.order_by("-number").first()
    before = last.sealed_at - LONGEST_TRANSACTION if last else None
    old = AuditSeal.objects.filter(sealed_at__lt=before).order_by("-number").first() if before else None
    return old.number if old else 0


def events_hash(events: Iterable[AuditEvent]) -> bytes:
    """SHA-256 over the digests of the events, in the order given."""
    return hashlib.sha256(b"".join(event_digest(event) for event in events)).digest()


def seal_hash(number: int, body: bytes, previous: bytes) -> bytes:
    """SHA-256 over the seal's number (8 bytes, big-endian), its events' hash and the previous seal's hash."""
    return hashlib.sha256(number.to_bytes(8, "big") + body + previous).digest()


def event_digest(event: AuditEvent) -> bytes:
    """SHA-256 over the event as canonical JSON: sorted keys, no blanks, UTF-8, instants in UTC to the microsecond."""
    content = {
        "id": event.pk,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "name": event.name,
        "actor": event.actor_id,
        "actor_name": event.actor_name,
        "capability": event.capability,
        "subject": [event.subject_type, event.subject_ref],
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "secondary_approver": event.secondary_approver_id,
        "digest": bytes(event.digest).hex() if event.digest else None,
        "request_id": event.request_id,
        "address": event.address,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()
