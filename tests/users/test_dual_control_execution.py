"""What comes of a request: its end, its execution, quorum and policies, each act, and the first two people."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from settlement import autosettle
from settlement.own_acts.flag import AlreadyOn
from tests import factories, jobs
from tests.factories import REASON, decide, propose
from tests.users.acts import Probe, register
from tests.users.approvals import (
    Desk,
    again,
    change_policy,
    demote,
    desk,
    event,
    proposing,
    revoke,
    run_out,
    suspend,
)
from trading.lib import clock
from users import errors, operations
from users.capabilities import MissingCapability
from users.models import ApprovalRequest, AuditEvent, RoleGrant, User
from users.own_acts.base import WrongState
from users.policies import MeaninglessReason


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


@pytest.fixture
def probe(cast: Desk, monkeypatch: pytest.MonkeyPatch) -> Probe:
    return register(monkeypatch)


# --- withdrawing, expiring -------------------------------------------------------------------


def test_proposer_withdraws(cast: Desk, request_: ApprovalRequest) -> None:
    with pytest.raises(errors.NotWithdrawable):
        operations.withdraw(request_ref=request_.ref, actor=cast.approver, now=clock.now())
    operations.withdraw(request_ref=request_.ref, actor=cast.proposer, now=clock.now())

    assert (again(request_).status, again(request_).closed_by) == ("cancelled", cast.proposer)
    assert event("approval.cancelled", request_.ref).actor == cast.proposer
    with pytest.raises(errors.AlreadyDecided, match="Withdrawn"):
        operations.withdraw(request_ref=request_.ref, actor=cast.proposer, now=clock.now())


def test_job_closes_what_has_expired_and_nothing_else(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    other = proposing(cast, act="user.reject", payload={})
    assert operations.expire_approvals(now=clock.now()) == 0
    run_out(request_, owner)

    assert operations.expire_approvals(now=clock.now()) == 1
    assert (again(request_).status, again(other).status) == ("expired", "pending")
    assert event("approval.expired", request_.ref).actor is None
    assert operations.expire_approvals(now=clock.now()) == 0


def test_lone_person_suspends_and_revokes_at_once(cast: Desk) -> None:
    user, ops = factories.user("trader"), factories.user("ops")

    operations.suspend_user(user=user, actor=ops, reason="for a test", now=clock.now())
    operations.revoke_role(user=user, role="trader", actor=ops, reason="for a test", now=clock.now())  # type: ignore[arg-type]

    assert event("user.suspended", user.ref).actor == ops
    assert event("role.revoked", user.ref).actor == ops
    for role in ("trader", "lp", "auditor", "service"):
        with pytest.raises(MissingCapability):
            operations.suspend_user(user=ops, actor=factories.user(role), reason="x", now=clock.now())


# --- executing -------------------------------------------------------------------------------


def test_failed_execution_leaves_its_reason_and_nothing_else(probe: Probe) -> None:
    probe.refuse = True
    request = propose(probe.name, "thing")
    jobs.clear()

    done = decide(request)

    assert (done.status, done.outcome) == ("failed", "The probe was told to refuse.")
    assert again(request).closed_by is None
    assert not AuditEvent.objects.filter(name="probe.done").exists()
    events = {event.pk for event in AuditEvent.objects.all()}
    assert {job["event_id"] for job in jobs.arguments("alerting.dispatch_event")} <= events
    assert event("approval.failed", request.ref).reason == "The probe was told to refuse."


def test_unavailable_execution_is_repeated_by_a_job(probe: Probe) -> None:
    probe.unavailable = 1
    request = propose(probe.name, "thing")

    assert decide(request).status == "approved"
    assert "users.execute_approved" in jobs.names()
    assert not AuditEvent.objects.filter(name="probe.done").exists()
    jobs.hurry()
    jobs.run_all(queues=["default"])

    assert again(request).status == "executed"
    assert event("probe.done", request.ref) is not None
    operations.execute_approved(request_id=request.pk, now=clock.now())
    assert AuditEvent.objects.filter(name="probe.done").count() == 1


def unavailable(probe: Probe) -> ApprovalRequest:
    probe.unavailable = 1
    request = propose(probe.name, "thing")
    decide(request)
    return request


def repeat(request: ApprovalRequest) -> ApprovalRequest:
    return operations.execute_approved(request_id=request.pk, now=clock.now())


def test_execution_after_its_time_does_not_happen(probe: Probe, owner: Any) -> None:
    request = unavailable(probe)
    run_out(request, owner)

    assert repeat(request).status == "expired"
    assert probe.done == []


def test_execution_on_another_target_than_was_seen_does_not_happen(probe: Probe) -> None:
    request = unavailable(probe)
    probe.looks = "different"

    assert repeat(request).status == "superseded"
    assert probe.done == []


def test_execution_without_its_approver_does_not_happen(cast: Desk, probe: Probe) -> None:
    request = unavailable(probe)
    revoke(cast.approver, "approver")

    assert repeat(request).status == "failed"
    assert "no longer counts" in again(request).outcome
    assert probe.done == []


def test_execution_without_its_proposer_does_not_happen(cast: Desk, probe: Probe) -> None:
    request = unavailable(probe)
    suspend(cast.proposer)

    assert repeat(request).status == "failed"
    assert probe.done == []


def test_approved_request_is_withdrawn_in_time(cast: Desk, probe: Probe) -> None:
    request = unavailable(probe)
    operations.withdraw(request_ref=request.ref, actor=cast.proposer, now=clock.now())

    assert repeat(request).status == "cancelled"
    assert probe.done == []


# --- quorum and policies ---------------------------------------------------------------------


def test_quorum_of_two_takes_two(cast: Desk) -> None:
    second = factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = proposing(cast)

    assert decide(request).status == "pending"
    assert event("approval.counted", request.ref).actor == cast.approver
    with pytest.raises(errors.AlreadyDecided, match=cast.approver.username):
        decide(request)
    assert decide(request, by=second).status == "executed"
    assert User.objects.get(pk=cast.newcomer.pk).secondary_approver == second


@pytest.mark.parametrize("take_away", [demote, suspend])
def test_approver_who_left_in_between_does_not_count(cast: Desk, take_away: Callable[[User], None]) -> None:
    second, third = factories.user("approver"), factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = proposing(cast)
    decide(request)
    take_away(cast.approver)

    assert decide(request, by=second).status == "pending"
    assert decide(request, by=third).status == "executed"


def test_policy_loosened_in_between_does_not_help(cast: Desk) -> None:
    second = factories.user("approver")
    factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = proposing(cast)
    change_policy("user.approve", quorum=1)

    assert decide(request).status == "pending"
    assert decide(request, by=second).status == "executed"


def test_policy_tightened_in_between_counts(cast: Desk) -> None:
    second = factories.user("approver")
    request = proposing(cast)
    change_policy("user.approve", quorum=2)

    assert decide(request).status == "pending"
    assert decide(request, by=second).status == "executed"


def test_other_role_decides_from_now_on_and_both_for_what_waits(cast: Desk) -> None:
    revoke(cast.approver, "admin")
    admin, both = factories.user("admin"), factories.user("approver", "admin")
    factories.user("admin")
    request = proposing(cast)
    change_policy("user.approve", approver_role="admin")

    for one in (cast.approver, admin):
        with pytest.raises(errors.MayNotDecide):
            decide(request, by=one)
    assert decide(request, by=both).status == "executed"


def test_policy_changes_through_itself(cast: Desk) -> None:
    before = operations.current_policy("policy.change")
    request = propose("policy.change", "policy.change", expires_after=3600, step_up_within=60)
    decide(request)

    policy = operations.current_policy("policy.change")
    assert (policy.version, before.version) == (2, 1)
    assert (policy.expires_after, policy.step_up_within) == (timedelta(hours=1), timedelta(minutes=1))
    assert policy.execute_within == before.execute_within
    changed = event("policy.changed", request.ref)
    assert changed.before == {"expires_after": 604800.0, "step_up_within": 300.0, "version": 1}
    assert changed.after == {"expires_after": 3600, "step_up_within": 60, "version": 2, "request": request.ref}
    assert changed.secondary_approver == cast.approver


# --- the acts --------------------------------------------------------------------------------


def test_rejected_and_reopened(cast: Desk) -> None:
    factories.carry("user.reject", cast.newcomer.ref)
    assert User.objects.get(pk=cast.newcomer.pk).status == "rejected"
    factories.carry("user.reopen", cast.newcomer.ref)
    assert User.objects.get(pk=cast.newcomer.pk).status == "pending"
    factories.carry("user.approve", cast.newcomer.ref, roles=["ops"])
    assert User.objects.get(pk=cast.newcomer.pk).status == "active"


def test_suspended_and_reactivated(cast: Desk) -> None:
    user = factories.user("trader")
    suspend(user)

    request = factories.carry("user.reactivate", user.ref)

    user.refresh_from_db()
    assert (user.status, user.approval_request) == ("active", request)


def test_role_is_granted_by_two(cast: Desk) -> None:
    user = factories.user("auditor")

    request = factories.carry("role.grant", user.ref, role="ops")

    assert set(RoleGrant.objects.filter(user=user).values_list("role", flat=True)) == {"auditor", "ops"}
    granted = event("role.granted", user.ref)
    assert (granted.reason, granted.secondary_approver) == (REASON, cast.approver)
    assert bytes(granted.digest or b"") == bytes(request.digest)
    with pytest.raises(WrongState):
        propose("role.grant", user.ref, role="ops")


def test_relinking_ends_the_accounts_of_both_ends(cast: Desk) -> None:
    first, second = factories.user("trader"), factories.user("trader")
    operations.link_telegram(user=first, telegram_id=1, now=clock.now())
    operations.link_telegram(user=second, telegram_id=2, now=clock.now())

    factories.carry("telegram.relink", first.ref, telegram_id=2)

    live = {(link.user, link.telegram_id) for link in [*first.telegram_links.filter(ended_at=None)]}
    assert live == {(first, 2)}
    assert not second.telegram_links.filter(ended_at=None).exists()
    linked = AuditEvent.objects.filter(name="telegram.linked", subject_ref=first.ref).order_by("-pk")[0]
    assert (linked.before, linked.secondary_approver) == ({"telegram_id": 1}, cast.approver)


def test_flag_is_turned_on_by_two(cast: Desk) -> None:
    request = factories.carry("flag.on", autosettle.FLAG)

    turned = event("flag.turned_on", request.ref)
    assert (turned.before, turned.secondary_approver) == ({"is_on": False}, cast.approver)
    with pytest.raises(AlreadyOn):
        propose("flag.on", autosettle.FLAG)


# --- the first two ---------------------------------------------------------------------------


def bootstrap(first: User, second: User, reason: str = REASON) -> None:
    operations.bootstrap(first=first, second=second, reason=reason, now=clock.now())


def test_first_two_are_let_in_on_each_others_word(db: None) -> None:
    one, other = factories.pending_user(), factories.pending_user()
    bootstrap(one, other)

    for user, witness in ((one, other), (other, one)):
        user.refresh_from_db()
        assert user.status == "active"
        assert (user.secondary_approver, user.approval_requested_by, user.approval_reason) == (witness, witness, REASON)
        written = event("user.bootstrapped", user.ref)
        assert (written.actor, written.secondary_approver, written.reason) == (witness, witness, REASON)


def test_first_two_are_two_people_with_a_reason_while_nobody_is_active(db: None) -> None:
    one, other, third, fourth = (factories.pending_user() for _ in range(4))

    with pytest.raises(errors.NotAPair):
        bootstrap(one, one)
    with pytest.raises(MeaninglessReason):
        bootstrap(one, other, "\t" * 40)
    bootstrap(one, other)
    with pytest.raises(errors.SomebodyIsActive):
        bootstrap(third, fourth)
    for user in (one, other):
        suspend(user)
    with pytest.raises(errors.SomebodyIsActive):
        bootstrap(third, fourth)
