"""The nightly verification: against the anchors that are there, and one more anchor when all is well."""

from datetime import datetime
from pathlib import Path

from trading.lib.errors import DeskError
from users import verification
from users.models import AuditEvent
from users.verification.anchors import UnreadableAnchor, add_anchor
from users.verification.findings import Finding, Kind, Report


def run(*, file: Path | None, now: datetime) -> tuple[Report, int | None]:
    """
    Verify, then note the latest seal in `file`; with what was found, the number that was noted.

    An anchor file that was written before and is gone is a finding: so a cut tail is hidden.
    """
    if file is None:
        return verification.verify(now=now), None
    try:
        known = file if file.exists() or _was_anchored() else None
        report = verification.verify(now=now, anchor=known)
    except UnreadableAnchor as error:
        report = verification.verify(now=now)
        report.findings.append(Finding(Kind.ANCHOR, str(file), error.sentence))
    if report.findings:
        return report, None
    try:
        return report, add_anchor(file, now=now).number
    except DeskError as error:
        report.findings.append(Finding(Kind.ANCHOR, str(file), error.sentence))
        return report, None


def _was_anchored() -> bool:
    return (
        AuditEvent.objects.filter(name="audit.verified", after__anchored__isnull=False)
        .exclude(after__anchored=None)
        .exists()
    )
