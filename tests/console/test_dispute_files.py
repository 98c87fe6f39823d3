"""The files of a dispute at the console: listed, taken as downloads, each taking noted; nobody else's are there."""

import pytest
from django.test import Client

from rfq import operations
from rfq.models import DisputeAttachment, Fill
from tests.console import scene
from tests.factories import attached, dispute
from trading.lib import clock
from users.capabilities import MissingCapability
from users.models import AuditEvent, User

HTML = b"<script>alert(1)</script>"


@pytest.fixture
def file(db: None) -> DisputeAttachment:
    scene.build(8)
    fill = Fill.objects.select_related("accepted_by__counterparty", "rfq__requested_by").first()
    assert fill is not None
    return attached(dispute(fill), fill.accepted_by, HTML, name="../evil<b>.html")


def test_a_file_is_listed_and_taken_as_a_download_that_is_noted(
    console: Client, olga: User, file: DisputeAttachment
) -> None:
    page = console.get(f"/disputes/{file.dispute.ref}/").content.decode()
    answer = console.get(f"/disputes/{file.dispute.ref}/files/{file.pk}/")

    for words in ("evil_b.txt", file.sent_by.username, file.sha256[:32], "25"):
        assert words in page
    assert answer.content == HTML
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="evil_b')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    event = AuditEvent.objects.get(name="dispute.attachment_read")
    assert (event.actor, event.subject_ref, event.after["sha256"]) == (olga, file.dispute.ref, file.sha256)


def test_a_party_takes_no_file_not_even_its_own(file: DisputeAttachment) -> None:
    with pytest.raises(MissingCapability):
        operations.read_attachment(dispute_ref=file.dispute.ref, number=file.pk, actor=file.sent_by, now=clock.now())

    assert not AuditEvent.objects.filter(name="dispute.attachment_read").exists()


def test_a_file_of_another_dispute_is_not_there(console: Client, file: DisputeAttachment) -> None:
    assert console.get(f"/disputes/DSP-NOBODY/files/{file.pk}/").status_code == 404
    assert console.get(f"/disputes/{file.dispute.ref}/files/{file.pk + 1}/").status_code == 404
