"""The seals: each on the one before, each over its events, none cut off, none long in coming."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from users import audit
from users.models import AuditEvent, AuditSeal
from users.verification.anchors import Anchor, is_kept
from users.verification.findings import Finding, Kind, Report, found_by

LAG = timedelta(minutes=10)
NAMED = 5

SEALED_TWICE = """
select 'event ' || id, 'is in ' || count(*) || ' seals'
from (select unnest(event_ids) as id from users_auditseal) as sealed
group by id having count(*) > 1 order by id limit 10
"""

UNSEALED = """
select 'event ' || min(event.id), 'and ' || count(*) - 1 || ' more are in no seal since ' || min(event.at)
from users_auditevent as event
left join (select unnest(event_ids) as id from users_auditseal) as sealed on sealed.id = event.id
where sealed.id is null and event.at < %(before)s
having count(*) > 0
"""


def check(*, anchors: Sequence[Anchor], now: datetime) -> Report:
    """Recompute every seal and compare the anchors."""
    report = Report()
    previous, expected = audit.GENESIS, 1
    for seal in AuditSeal.objects.order_by("number").iterator(chunk_size=200):
        report.findings += _faults(seal, expected, previous)
        report.seals += 1
        report.events += len(seal.event_ids)
        previous, expected = bytes(seal.hash), seal.number + 1
        report.last_hash = previous.hex()
    report.findings += found_by(Kind.CHAIN, [SEALED_TWICE], {})
    report.findings += [
        Finding(Kind.ANCHOR, f"seal {anchor.number}", "is missing or not the one that was anchored")
        for anchor in anchors
        if not is_kept(anchor)
    ]
    report.findings += found_by(Kind.LAG, [UNSEALED], {"before": now - LAG})
    return report


def _faults(seal: AuditSeal, expected: int, previous: bytes) -> list[Finding]:
    where = f"seal {seal.number}"
    found = []
    if seal.number != expected:
        found.append(Finding(Kind.CHAIN, where, f"follows a gap: seal {expected} is missing"))
    if bytes(seal.previous_hash) != previous:
        found.append(Finding(Kind.CHAIN, where, "does not stand on the seal before it"))
    body = bytes(seal.events_hash)
    if bytes(seal.hash) != audit.seal_hash(seal.number, body, bytes(seal.previous_hash)):
        found.append(Finding(Kind.CHAIN, where, "does not have the hash of its content"))
    events = list(AuditEvent.objects.filter(pk__in=seal.event_ids).order_by("pk"))
    missing = sorted(set(seal.event_ids) - {event.pk for event in events})
    if missing:
        named = ", ".join(map(str, missing[:NAMED])) + (" …" if len(missing) > NAMED else "")
        found.append(Finding(Kind.CHAIN, where, f"has lost {len(missing)} of its events: {named}"))
    elif audit.events_hash(events) != body:
        span = f"{seal.event_ids[0]} to {seal.event_ids[-1]}"
        found.append(Finding(Kind.CHAIN, where, f"does not fit its events {span}: one of them was edited"))
    return found
