"""The verification of every night: what it notes, and the anchor it keeps."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests import jobs
from tests.users.verification.conftest import cut_last_seal
from trading.lib import clock
from users import operations
from users.models import AuditEvent, User
from users.tasks import verify_audit


def test_the_nightly_job_notes_that_all_is_whole_and_anchors(desk: User, settings: Any, anchor: Path) -> None:
    settings.AUDIT_ANCHOR_FILE = str(anchor)

    verify_audit(0)

    event = AuditEvent.objects.get(name="audit.verified")
    assert (event.after["exit_code"], event.after["anchored"]) == (0, 1)
    assert anchor.read_text().split()[1] == "1"


def test_the_nightly_job_notes_what_is_broken(desk: User, owner: Any, settings: Any, anchor: Path, caplog: Any) -> None:
    settings.AUDIT_ANCHOR_FILE = str(anchor)
    verify_audit(0)
    cut_last_seal(owner)
    jobs.clear()

    verify_audit(0)

    event = AuditEvent.objects.get(name="audit.broken")
    assert event.after["exit_code"] == 11
    assert event.after["anchored"] is None
    assert "seal 1 is missing" in event.after["findings"][0]
    assert "the evidence is not whole" in caplog.text
    assert jobs.names() == ["alerting.dispatch_event"]
    assert len(anchor.read_text().splitlines()) == 1


def test_an_anchor_file_that_is_gone_is_found(desk: User, settings: Any, anchor: Path) -> None:
    settings.AUDIT_ANCHOR_FILE = str(anchor)
    verify_audit(0)
    anchor.unlink()

    verify_audit(0)

    assert "cannot be used as an anchor file" in AuditEvent.objects.get(name="audit.broken").after["findings"][0]
    assert not anchor.exists()


def test_without_an_anchor_file_the_nightly_job_verifies_all_the_same(desk: User, settings: Any) -> None:
    settings.AUDIT_ANCHOR_FILE = ""

    verify_audit(0)

    assert AuditEvent.objects.get(name="audit.verified").after["anchored"] is None


def test_the_age_of_the_last_good_verification_is_a_metric(desk: User, client: Any) -> None:
    def age() -> float:
        text = client.get("/metrics").content.decode()
        return float(text.split("\ndesk_audit_verified_age_seconds ")[1].splitlines()[0])

    operations.record_verification(report=clean(), anchored=None, now=clock.now() - timedelta(hours=30))

    assert 30 * 3600 <= age() < 30 * 3600 + 60
    assert "\ndesk_approvals_pending 0.0" in client.get("/metrics").content.decode()


def clean() -> Any:
    from users.verification import Report  # noqa: PLC0415 - one test

    return Report()
