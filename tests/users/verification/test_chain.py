"""The verification of the chain of seals, of anchors kept elsewhere, and which finding is the exit code."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.users.verification.conftest import cut_last_seal, found, seal, unguarded, verify
from users.models import AuditEvent, AuditSeal, User


def test_an_untouched_desk_is_whole(desk: User) -> None:
    report = verify()

    assert report["findings"] == []
    assert report["ok"] is True
    assert report["events"] == AuditEvent.objects.count()
    assert report["seals"] == AuditSeal.objects.count()


def test_an_empty_desk_is_whole(db: None) -> None:
    assert verify()["ok"] is True


def test_people_read_the_outcome_as_text(desk: User, owner: Any) -> None:
    out = StringIO()
    call_command("audit_verify", stdout=out)
    assert "Everything is as it must be" in out.getvalue()

    owner.execute("alter table users_user disable trigger guard")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("audit_verify", stdout=out)
    owner.execute("alter table users_user enable trigger guard")
    assert "guards: users_user has its trigger guard disabled" in out.getvalue()
    assert "Exit code 13" in out.getvalue()


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("update users_auditevent set reason = 'better' where id = %s", "was edited"),
        ("update users_auditevent set actor_name = 'somebody' where id = %s", "was edited"),
        ("update users_auditevent set at = at + '1 microsecond' where id = %s", "was edited"),
        ("delete from users_auditevent where id = %s", "has lost 1 of its events"),
    ],
)
def test_edited_and_removed_events_break_the_chain(desk: User, owner: Any, tampering: str, words: str) -> None:
    middle = AuditEvent.objects.order_by("pk")[5].pk
    with unguarded(owner, "users_auditevent"):
        owner.execute(tampering, [middle])

    code, what = found()

    assert code == 10
    assert words in what


def test_a_removed_middle_breaks_the_chain(desk: User, owner: Any) -> None:
    for _ in range(2):
        factories.counterparty()
        seal()
    middle = AuditSeal.objects.get(number=2)
    with unguarded(owner, "users_auditevent", "users_auditseal"):
        owner.execute("delete from users_auditevent where id = any (%s)", [middle.event_ids])
        owner.execute("delete from users_auditseal where number = 2")

    code, what = found()

    assert code == 10
    assert "seal 2 is missing" in what
    assert "does not stand on the seal before it" in what


def test_an_event_sealed_twice_is_found(desk: User, owner: Any) -> None:
    first = AuditSeal.objects.get(number=1)
    factories.counterparty()
    seal()
    with unguarded(owner, "users_auditseal"):
        owner.execute(
            "update users_auditseal set event_ids = array_prepend(%s, event_ids) where number = 2", [first.event_ids[0]]
        )

    code, what = found()

    assert code == 10
    assert "is in 2 seals" in what


def test_a_cut_tail_is_found_by_the_anchor(desk: User, owner: Any, anchor: Path) -> None:
    factories.counterparty()
    seal()
    call_command("audit_anchor", str(anchor), stdout=StringIO())
    assert found("--anchor", str(anchor)) == (0, "")

    cut_last_seal(owner)

    assert found() == (0, "")
    assert found("--anchor", str(anchor)) == (11, "anchor: seal 2 is missing or not the one that was anchored")
    with pytest.raises(CommandError) as refused:
        call_command("audit_anchor", str(anchor), stdout=StringIO())
    assert refused.value.returncode == 11


def test_a_tail_written_anew_is_found_by_the_anchor(desk: User, owner: Any, anchor: Path) -> None:
    factories.counterparty()
    seal()
    call_command("audit_anchor", str(anchor), stdout=StringIO())
    cut_last_seal(owner)
    factories.counterparty(name="Something else")
    seal()

    assert found() == (0, "")
    assert found("--anchor", str(anchor))[0] == 11


def test_the_same_seal_is_anchored_once(desk: User, anchor: Path) -> None:
    for _ in range(2):
        call_command("audit_anchor", str(anchor), stdout=StringIO())
    assert len(anchor.read_text().splitlines()) == 1

    factories.counterparty()
    seal()
    call_command("audit_anchor", str(anchor), stdout=StringIO())
    assert len(anchor.read_text().splitlines()) == 2


@pytest.mark.parametrize("content", [None, "", "not an anchor\n", "2026-06-01T12:00:00+00:00 1 abc\n", "\xff\xfe"])
def test_an_anchor_file_that_says_nothing_is_no_verification(desk: User, anchor: Path, content: str | None) -> None:
    if content is not None:
        anchor.write_text(content)

    with pytest.raises(CommandError, match="cannot be used as an anchor file") as refused:
        call_command("audit_verify", "--anchor", str(anchor))
    assert refused.value.returncode == 20


def test_events_that_stay_unsealed_are_found(desk: User, owner: Any) -> None:
    factories.counterparty()
    assert found() == (0, "")
    with unguarded(owner, "users_auditevent"):
        owner.execute(
            "update users_auditevent set at = at - '11 minutes'::interval"
            " where id = (select max(id) from users_auditevent)"
        )

    code, what = found()

    assert code == 14
    assert "in no seal" in what


def test_demo_proofs_outside_a_sandbox_are_found(desk: User, settings: Any) -> None:
    settings.IS_SANDBOX = False

    code, what = found()

    assert code == 15
    assert "made without a code" in what


def test_the_most_severe_finding_is_the_exit_code(desk: User, owner: Any, settings: Any) -> None:
    settings.IS_SANDBOX = False
    with unguarded(owner, "users_user", "users_auditevent"):
        owner.execute("update users_user set approval_reason = 'A better reason than the true one.'")
        owner.execute("update users_auditevent set reason = 'x' where id = (select min(id) from users_auditevent)")

    report = verify()

    assert report["exit_code"] == 10
    assert {one["kind"] for one in report["findings"]} == {"chain", "unreconciled", "demo_proof"}


def test_verifying_changes_nothing(desk: User) -> None:
    before = AuditEvent.objects.count()
    verify()
    assert AuditEvent.objects.count() == before
