"""Sealing the audit log, and noting who took a copy of it and what a verification found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading.lib.operations import operation
from users import audit, capabilities
from users.models import AuditEvent, AuditSeal, User
from users.verification.findings import Report

FINDINGS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a rotation is about."""

    ref: str = "field-encryption"


@dataclass(frozen=True, slots=True)
class AuditLog:
    """What an export or a verification is about: the log itself."""

    ref: str = "audit-log"


@operation
def seal_audit(*, now: datetime) -> AuditSeal | None:
    """Seal the oldest unsealed audit events; nothing when there are none."""
    return audit.seal(at=now)


@operation
def record_export(*, actor: User, form: str, filters: dict[str, str], last: int, now: datetime) -> AuditEvent:
    """
    Note that somebody takes a copy of the log away, before they get it.

    :param form: csv or jsonl.
    :param filters: what the copy is limited to.
    :param last: the id of the newest event in it.
    :raises MissingCapability: the actor may not read the log.
    """
    capabilities.require(actor, "audit.own")
    after = {"format": form, "filters": filters, "up_to_event": last}
    change = audit.Change(after=after, capability="audit.own")
    return audit.record("audit.exported", actor=actor, subject=AuditLog(), at=now, change=change)


@operation
def record_rotation(*, renewed: int, unreadable: Sequence[str], now: datetime) -> AuditEvent:
    """Note that fields were encrypted anew: how many, and which could not be read."""
    after = {"renewed": renewed, "unreadable": list(unreadable[:FINDINGS_KEPT])}
    return audit.record("secrets.rotated", actor=None, subject=Secrets(), at=now, change=audit.Change(after=after))


@operation
def record_verification(*, report: Report, anchored: int | None, now: datetime) -> AuditEvent:
    """
    Note what the nightly verification found: `audit.verified`, or `audit.broken` with its findings.

    :param anchored: the number of the seal that was noted outside the database afterwards.
    """
    found = [str(finding) for finding in report.findings[:FINDINGS_KEPT]]
    after = {
        "exit_code": report.exit_code,
        "seals": report.seals,
        "events": report.events,
        "anchored": anchored,
        "number_of_findings": len(report.findings),
        "findings": found,
    }
    name = "audit.broken" if report.findings else "audit.verified"
    return audit.record(name, actor=None, subject=AuditLog(), at=now, change=audit.Change(after=after))
