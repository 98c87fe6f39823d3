"""Reads of the audit log. Each has a fixed number of queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection
from django.db.models import F, Max, Q, QuerySet

from trading.lib.errors import NotFound
from users.models import AuditEvent, AuditSeal, User

PAGE_SIZE = 50
TIMELINE_LIMIT = 200
CHUNK = 500
LATEST = 20
BACKUP_MADE, DRILL_PASSED = "backup.made", "restore_drill.passed"
# Newest first among few events of a kind. By the bare id the planner may walk the whole log backwards to find them.
NEWEST = (F("pk") + 0).desc()
# The last entry of the index by name and id that is not above the name: one look, however rare the name is. An equation
# would be planned as if every name were a common one.
LATEST_OF = """
    select one.name, latest.at from unnest(%s::text[]) as one (name), lateral (
        select event.name, event.at from users_auditevent as event
        where (event.name, event.id) <= (one.name, 9223372036854775807) order by event.name desc, event.id desc limit 1
    ) as latest where latest.name = one.name
"""


@dataclass(frozen=True, slots=True)
class Criteria:
    """
    Which events the log shows; it comes from the address of the page.

    :param own: only what this user did (nobody: everything).
    """

    text: str = ""
    name: str = ""
    actor: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None
    own: User | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of events, newest first, and the id the older ones begin after."""

    rows: list[AuditEvent]
    older: int | None


def events_about(refs: Sequence[str]) -> list[AuditEvent]:
    """List what happened to the things with these refs, oldest first (the latest 200)."""
    latest = AuditEvent.objects.filter(subject_ref__in=refs).order_by("-pk")[:TIMELINE_LIMIT]
    return list(reversed(latest))


def events_named(names: Sequence[str]) -> list[AuditEvent]:
    """List the latest events of these kinds, newest first (at most 20)."""
    return list(AuditEvent.objects.filter(name__in=names).order_by(NEWEST)[:LATEST])


def last_verification() -> AuditEvent | None:
    """What the latest verification of the evidence recorded: `audit.verified` or `audit.broken`. One query."""
    return AuditEvent.objects.filter(name__in=["audit.verified", "audit.broken"]).order_by(NEWEST).first()


def latest_of(names: Sequence[str]) -> dict[str, datetime]:
    """When an event of each name was last recorded; without those that never were. One query."""
    with connection.cursor() as cursor:
        cursor.execute(LATEST_OF, [list(names)])
        return dict(cursor.fetchall())


def last_seal() -> AuditSeal | None:
    """The newest seal. One query."""
    return AuditSeal.objects.order_by("-number").first()


def page(criteria: Criteria, *, size: int = PAGE_SIZE) -> Page:
    """Read one page of the log. One query."""
    found = found_by(criteria).order_by("-pk")
    if criteria.before:
        found = found.filter(pk__lt=criteria.before)
    events = list(found[: size + 1])
    return Page(events[:size], events[size - 1].pk if len(events) > size else None)


def event(pk: int, *, own: User | None) -> AuditEvent:
    """
    Read one event. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    event = found_by(Criteria(own=own)).filter(pk=pk).first()
    if event is None:
        raise NotFound
    return event


def last_id() -> int:
    """The id of the newest event, so that an export has an end."""
    newest: int | None = AuditEvent.objects.aggregate(last=Max("pk"))["last"]
    return newest or 0


def in_order(criteria: Criteria, *, last: int) -> Iterator[AuditEvent]:
    """Every event that fits, oldest first, up to the id `last`; read in portions, each a short statement."""
    found, after = found_by(criteria).filter(pk__lte=last).order_by("pk"), 0
    while portion := list(found.filter(pk__gt=after)[:CHUNK]):
        yield from portion
        after = portion[-1].pk


def found_by(criteria: Criteria) -> QuerySet[AuditEvent]:
    """Every event that fits."""
    found = AuditEvent.objects.select_related("actor", "secondary_approver")
    if criteria.own is not None:
        found = found.filter(actor=criteria.own)
    if criteria.name:
        found = found.filter(name__startswith=criteria.name.lower())
    if criteria.actor:
        found = found.filter(actor_name__iexact=criteria.actor)
    if criteria.since:
        found = found.filter(at__gte=_midnight(criteria.since))
    if criteria.until:
        found = found.filter(at__lt=_midnight(criteria.until + timedelta(days=1)))
    if text := criteria.text.strip():
        about = Q(subject_ref__istartswith=text) | Q(request_id=text) | Q(name__icontains=text)
        found = found.filter(about | Q(reason__icontains=text))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
