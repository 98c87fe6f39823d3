"""Which silences run, and what they cover."""

from datetime import datetime, timedelta

from alerting.defaults import CRITICAL
from alerting.models import Alert, Silence

LONGEST_CRITICAL = timedelta(hours=1)
LONGEST = timedelta(days=7)


def longest(severity: str) -> timedelta:
    """For how long an alert of this severity may be silenced; the database knows the same."""
    return LONGEST_CRITICAL if severity == CRITICAL else LONGEST


def running(kind: str, *, at: datetime) -> list[Silence]:
    """The silences of a type that run at this instant. One query."""
    return list(Silence.objects.filter(type=kind, ended_at=None, starts_at__lte=at, ends_at__gt=at).order_by("pk"))


def covers(silence: Silence, alert: Alert, *, at: datetime) -> bool:
    """Whether a running silence keeps this alert quiet; one that became critical meanwhile for an hour at most."""
    is_meant = silence.fingerprint in {"", alert.fingerprint}
    return is_meant and at < silence.starts_at + longest(alert.severity)
