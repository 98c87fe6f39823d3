"""Gauges of evidence and care: what is unsealed, when it was last verified, what waits for two people, backups."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from trading.lib import clock
from users import audit as log
from users.models import ApprovalRequest, AuditEvent
from users.queries.log import BACKUP_MADE, DRILL_PASSED, last_verification, latest_of

VERIFIED = "audit.verified"


def audit() -> Iterator[Metric]:
    """How the evidence stands."""
    yield GaugeMetricFamily("desk_audit_unsealed", "Audit events that no seal holds yet", value=log.count_unsealed())
    since = (
        latest_of([VERIFIED]).get(VERIFIED) or AuditEvent.objects.order_by("pk").values_list("at", flat=True).first()
    )
    yield GaugeMetricFamily(
        "desk_audit_verified_age_seconds",
        "Since the evidence was last found whole (or since the first event)",
        value=_age(since) if since else 0,
    )
    last = last_verification()
    yield GaugeMetricFamily(
        "desk_audit_findings",
        "What the latest verification of the evidence found that is not as it must be",
        value=last.after["number_of_findings"] if last else 0,
    )


def approvals() -> Iterator[Metric]:
    """What waits for a second person."""
    pending = ApprovalRequest.objects.filter(status=ApprovalRequest.Status.PENDING).count()
    yield GaugeMetricFamily("desk_approvals_pending", "Approval requests that wait for a decision", value=pending)


def upkeep() -> Iterator[Metric]:
    """Since the last backup, and since one was last restored for trial. What never was has no sample."""
    found = latest_of([BACKUP_MADE, DRILL_PASSED])
    for name, says, event in (
        ("desk_backup_age_seconds", "Since the last good backup", BACKUP_MADE),
        ("desk_restore_drill_age_seconds", "Since a backup was last restored and found whole", DRILL_PASSED),
    ):
        family = GaugeMetricFamily(name, says, labels=())
        if event in found:
            family.add_metric([], _age(found[event]))
        yield family


def _age(at: datetime) -> float:
    return max(0.0, (clock.now() - at).total_seconds())
