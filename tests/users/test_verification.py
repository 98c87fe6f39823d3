"""What the verification finds: each tampering under its own exit code, and nothing when nothing was touched."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests import factories, jobs
from tests.users.keys import collected
from trading.lib import clock
from users import operations
from users.models import AuditEvent, AuditSeal, User
from users.tasks import verify_audit
from users.verification.guards import expected_functions, expected_triggers


@pytest.fixture
def desk(db: None) -> User:
    """A desk with a history: people, roles, a suspension, a changed policy, the flag; all sealed."""
    tara = factories.user("trader", of=factories.counterparty())
    factories.carry("role.grant", factories.user("ops").ref, role="auditor")
    factories.user("approver")
    factories.carry("policy.change", "user.approve", expires_after=3600)
    rejected = factories.newcomer()
    factories.carry("user.reject", rejected.ref)
    factories.carry("user.reopen", rejected.ref)
    suspended = factories.user("trader")
    operations.suspend_user(user=suspended, actor=None, reason="A stolen phone.", now=clock.now())
    factories.carry("user.reactivate", suspended.ref)
    factories.turn_flag_on()
    factories.decide(factories.propose("user.approve", factories.newcomer().ref, roles=[]), verdict="decline")
    seal()
    return tara


def seal() -> None:
    while operations.seal_audit(now=clock.now()):
        pass


def verify(*arguments: str) -> dict[str, Any]:
    """Run the command; the exit code it ends with must be the one it prints."""
    out, code = StringIO(), 0
    try:
        call_command("audit_verify", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    report: dict[str, Any] = json.loads(out.getvalue())
    assert report["exit_code"] == code
    return report


def found(*arguments: str) -> tuple[int, str]:
    """The exit code, and all that was found."""
    report = verify(*arguments)
    return report["exit_code"], "\n".join(f"{one['kind']}: {one['where']} {one['what']}" for one in report["findings"])


@contextmanager
def unguarded(owner: Any, *tables: str) -> Iterator[None]:
    """As the owner of the tables, with their triggers off for a moment."""
    for table in tables:
        owner.execute(f"alter table {table} disable trigger user")
    yield
    for table in tables:
        owner.execute(f"alter table {table} enable trigger user")


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


# --- 10: the chain ---------------------------------------------------------------------------


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


# --- 11: anchors -----------------------------------------------------------------------------


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchors"


def cut_last_seal(owner: Any) -> None:
    """Remove the last seal and all its events: what is left is a chain without a fault."""
    last = AuditSeal.objects.order_by("-number")[0]
    with unguarded(owner, "users_auditevent", "users_auditseal"):
        owner.execute("delete from users_auditseal where number = %s", [last.number])
        owner.execute("delete from users_auditevent where id = any (%s)", [last.event_ids])


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


# --- 12: power without evidence --------------------------------------------------------------


FLIP = """
update users_user set status = %s, approval_reason = 'x', approval_requested_by_id = %s, secondary_approver_id = %s,
    secondary_approved_at = now()
where id = %s
"""


@pytest.mark.parametrize("status", ["active", "suspended", "rejected"])
def test_a_user_flipped_by_the_owner_is_found(desk: User, owner: Any, status: str) -> None:
    pending = factories.newcomer()
    first, second = factories.founders()
    seal()
    with unguarded(owner, "users_user"):
        owner.execute(FLIP, [status, first.pk, second.pk, pending.pk])

    code, what = found()

    assert code == 12
    assert f"{pending.ref} is" in what
    assert "without a request that two people carried" in what


def test_a_suspended_user_flipped_back_is_found(desk: User, owner: Any) -> None:
    operations.suspend_user(user=desk, actor=None, reason="A stolen phone.", now=clock.now())
    seal()
    with unguarded(owner, "users_user"):
        owner.execute("update users_user set status = 'active' where id = %s", [desk.pk])

    assert found() == (12, f"unreconciled: {desk.ref} is active, and the last step recorded is user.suspended")


def test_columns_that_were_bettered_are_found(desk: User, owner: Any) -> None:
    with unguarded(owner, "users_user"):
        owner.execute("update users_user set approval_reason = 'A better reason than the true one.'")

    code, what = found()

    assert code == 12
    assert f"{desk.ref} carries other evidence than APR-" in what


def test_evidence_taken_from_a_user_is_found_both_ways(desk: User, owner: Any) -> None:
    with unguarded(owner, "users_user"):
        owner.execute("update users_user set approval_request_id = null where id = %s", [desk.pk])

    code, what = found()

    assert code == 12
    assert f"{desk.ref} is active without a request" in what
    assert f"was executed, and {desk.ref} does not carry it" in what


def test_a_forged_execution_is_found(desk: User, owner: Any) -> None:
    pending = factories.newcomer()
    request = factories.propose("user.approve", pending.ref, roles=["admin"])
    seal()
    with unguarded(owner, "users_approvalrequest", "users_user"):
        owner.execute(
            "update users_approvalrequest set status = 'executed', closed_at = clock_timestamp() where id = %s",
            [request.pk],
        )
        owner.execute("update users_user set status = 'active', approval_reason = 'x', approval_requested_by_id = %s,"
            " secondary_approver_id = %s, secondary_approved_at = now(), approval_request_id = %s where id = %s",
            [factories.founders()[0].pk, factories.founders()[1].pk, request.pk, pending.pk])  # fmt: skip

    code, what = found()

    assert code == 12
    assert f"{request.ref} was executed without 1 valid approvals" in what
    assert f"{request.ref} was executed, and no audit event says so" in what


def test_a_payload_that_was_changed_is_found(desk: User, owner: Any) -> None:
    with unguarded(owner, "users_approvalrequest"):
        owner.execute(
            """update users_approvalrequest set payload = '{"roles": ["admin"]}' where subject_ref = %s""", [desk.ref]
        )

    code, what = found()

    assert code == 12
    assert "is not what was signed" in what


def test_a_role_without_a_request_is_found(desk: User, owner: Any) -> None:
    with unguarded(owner, "users_rolegrant"):
        owner.execute(
            "insert into users_rolegrant (user_id, role, granted_at) values (%s, 'approver', now())", [desk.pk]
        )

    assert found() == (12, f"unreconciled: {desk.ref} holds approver without a request that two people carried")


def test_the_flag_turned_on_by_the_owner_is_found(desk: User, owner: Any) -> None:
    from settlement.operations import turn_flag_off  # noqa: PLC0415 - one test

    turn_flag_off(actor=factories.founders()[0], reason="Under investigation.", now=clock.now())
    seal()
    assert found() == (0, "")
    with unguarded(owner, "waffle_switch"):
        owner.execute("update waffle_switch set active = true")

    assert found() == (
        12,
        "unreconciled: AUTO_SETTLEMENT_ENABLED is on without a request that two people carried",
    )


def test_a_policy_nobody_carried_is_found(desk: User, owner: Any) -> None:
    with unguarded(owner, "users_approvalpolicy"):
        owner.execute(
            "insert into users_approvalpolicy (act, version, quorum, proposer_roles, approver_role, expires_after,"
            " execute_within, step_up_within, made_at) select act, 2, 1, '[\"lp\"]', 'admin', expires_after,"
            " execute_within, step_up_within, now() from users_approvalpolicy where act = 'flag.on'"
        )

    assert found() == (12, "unreconciled: flag.on version 2 was not carried by two people")


def test_keys_are_reconciled_both_ways(desk: User, owner: Any) -> None:
    key, _text = collected(factories.user("lp"))
    seal()
    assert found() == (0, "")
    with unguarded(owner, "users_apikey"):
        owner.execute("update users_apikey set scopes = '{settlement.execute}' where id = %s", [key.pk])
    assert found() == (12, f"unreconciled: {key.ref} is not the key that {key.request.ref} made")
    with unguarded(owner, "users_apikey"):
        owner.execute("delete from users_apikey where id = %s", [key.pk])
    assert found() == (12, f"unreconciled: {key.request.ref} was executed, and there is no key of it")


def test_password_resets_are_reconciled(desk: User, owner: Any) -> None:
    request = factories.carry("password.reset", factories.user("ops").ref)
    reset = request.password_reset
    seal()
    assert found() == (0, "")
    with unguarded(owner, "users_passwordreset"):
        owner.execute(
            "update users_passwordreset set collected_at = now(), secret_hash = 'x', used_at = now() where id = %s",
            [reset.pk],
        )
    code, text = found()
    assert code == 12
    assert f"{reset.ref} was reset_collected, and no audit event says so" in text
    assert f"{reset.ref} was set, and no audit event says so" in text
    with unguarded(owner, "users_passwordreset"):
        owner.execute("delete from users_passwordreset where id = %s", [reset.pk])
    assert found() == (12, f"unreconciled: {request.ref} was executed, and there is no reset of it")


def test_scopes_are_reconciled(desk: User, owner: Any) -> None:
    cedar, pars = factories.counterparty(), factories.counterparty()
    second = factories.founders()[1]
    olga = factories.user("ops")
    reason = "She looks after this client only."
    operations.narrow_scope(user=olga, keep=[cedar], actor=second, reason=reason, now=clock.now())
    factories.carry("scope.widen", olga.ref, counterparties=[pars.ref])
    seal()
    assert found() == (0, "")
    with unguarded(owner, "users_scopegrant"):
        owner.execute(
            "insert into users_scopegrant (user_id, counterparty_id, granted_at) select %s, id, now()"
            " from users_counterparty where id = %s",
            [olga.pk, desk.counterparty_id],
        )
    assert found()[1].endswith(f"{desk.counterparty.ref} without a request that two people carried")  # type: ignore[union-attr]
    with unguarded(owner, "users_user"):
        owner.execute("update users_user set is_scoped = false where id = %s", [olga.pk])
    assert found() == (
        12,
        f"unreconciled: {olga.ref} serves the whole desk without a request that two people carried",
    )


# --- 13: guards ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tampering", "undo", "words"),
    [
        (
            "alter table users_user disable trigger guard",
            "alter table users_user enable trigger guard",
            "users_user has its trigger guard disabled",
        ),
        (
            "alter table users_auditevent enable replica trigger append_only",
            "alter table users_auditevent enable trigger append_only",
            "users_auditevent has its trigger append_only disabled",
        ),
        (
            "alter trigger born on users_approvaldecision rename to unborn",
            "alter trigger unborn on users_approvaldecision rename to born",
            "users_approvaldecision has lost its trigger born",
        ),
        (
            "grant update on users_auditevent to {app}",
            "revoke update on users_auditevent from {app}",
            "users_auditevent may be changed by {app} (update)",
        ),
        (
            "grant update (reason) on users_approvaldecision to {app}",
            "revoke update (reason) on users_approvaldecision from {app}",
            "users_approvaldecision may be changed by {app} in the column reason",
        ),
        (
            "grant delete on users_auditseal to public",
            "revoke delete on users_auditseal from public",
            "users_auditseal may be changed by everybody (delete)",
        ),
        (
            "grant insert on settlement_balance to {app}",
            "revoke insert on settlement_balance from {app}",
            "settlement_balance may be changed by {app} (insert)",
        ),
        (
            "grant create on schema public to {app}",
            "revoke create on schema public from {app}",
            "may make things in the schema",
        ),
        (
            "alter table users_user drop constraint user_nobody_is_superuser",
            "alter table users_user add constraint user_nobody_is_superuser check (not is_superuser)",
            "users_user has lost its constraint user_nobody_is_superuser",
        ),
    ],
)
def test_guards_that_were_touched_are_found(desk: User, owner: Any, tampering: str, undo: str, words: str) -> None:
    app = connection.settings_dict["USER"]
    owner.execute(tampering.format(app=app))
    try:
        code, what = found()
    finally:
        owner.execute(undo.format(app=app))

    assert code == 13
    assert words.format(app=app) in what
    assert found() == (0, "")


def test_a_function_that_was_replaced_is_found(desk: User, owner: Any) -> None:
    owner.execute("select pg_get_functiondef('users_user_guard'::regproc)")
    (true,) = owner.fetchone()
    owner.execute(
        "create or replace function users_user_guard() returns trigger language plpgsql as $$ begin return new; end $$"
    )
    try:
        assert found() == (13, "guards: function users_user_guard is not what its migration made")
    finally:
        owner.execute(true)
    assert found() == (0, "")


def test_expectations_follow_the_migrations() -> None:
    statements = [
        "create trigger a before insert on t for each row execute function f('x>y', 'z');",
        "create function f() returns trigger as $$ create trigger hidden on t $$;",
        "drop trigger a on t; create constraint trigger b after update of s on t execute function g();",
        "create or replace function f() returns trigger as $$ second $$;",
    ]

    assert list(expected_triggers(statements)) == [("t", "b")]
    assert expected_triggers(statements[:1])["t", "a"].arguments == ("x>y", "z")
    assert expected_functions(statements) == {"f": " second "}


# --- 14, 15, and which wins ------------------------------------------------------------------


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


# --- every night -----------------------------------------------------------------------------


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

    operations.record_verification(report=_clean(), anchored=None, now=clock.now() - timedelta(hours=30))

    assert 30 * 3600 <= age() < 30 * 3600 + 60
    assert "\ndesk_approvals_pending 0.0" in client.get("/metrics").content.decode()


def _clean() -> Any:
    from users.verification import Report  # noqa: PLC0415 - one test

    return Report()
