"""Noting that somebody took care: a backup was made, or one was restored for trial and found whole."""

from dataclasses import dataclass
from datetime import datetime

from trading.lib.operations import operation
from users import audit
from users.models import AuditEvent
from users.queries.log import BACKUP_MADE, DRILL_PASSED


@dataclass(frozen=True, slots=True)
class Backup:
    """What such an event is about."""

    ref: str = "backup"


@operation
def record_backup(*, detail: str, now: datetime) -> AuditEvent:
    """Note that a backup was made; `detail` says where it is, and its checksum."""
    return _record(BACKUP_MADE, detail, now)


@operation
def record_drill(*, detail: str, now: datetime) -> AuditEvent:
    """Note that a backup was restored elsewhere and its sums and its evidence were found whole."""
    return _record(DRILL_PASSED, detail, now)


def _record(name: str, detail: str, now: datetime) -> AuditEvent:
    change = audit.Change(after={"detail": detail})
    return audit.record(name, actor=None, subject=Backup(), at=now, change=change)
