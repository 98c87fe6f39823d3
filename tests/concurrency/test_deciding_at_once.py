"""Several people decide at the same instant, on connections of their own: one effect or none, and the right words."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, transaction

from tests import factories
from tests.concurrency.threads import at_once, in_thread, locked, wait_for_a_waiter
from tests.factories import REASON, decide, propose
from tests.users.acts import Probe, register
from tests.users.approvals import Desk, change_policy, desk, proof_of, revoke, run_out, suspend
from trading.lib import clock
from trading.lib.operations import Busy
from users import errors, operations
from users.models import ApprovalDecision, ApprovalRequest, AuditEvent, RoleGrant, User
from users.operations import Proposal


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def other(cast: Desk) -> User:
    """A second one who may decide."""
    return factories.user("approver")


@pytest.fixture
def request_(cast: Desk, other: User) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


def deciding(request: ApprovalRequest, by: User, verdict: str = "approve") -> Callable[[], ApprovalRequest]:
    """A decision ready to be made, its proof at hand."""
    proof = proof_of(by, request)

    def run() -> ApprovalRequest:
        return operations.decide(
            request_ref=request.ref,
            verdict=verdict,
            reason=REASON,
            digest=bytes(request.digest),
            actor=by,
            proof=proof,
            now=clock.now(),
        )

    return run


def withdrawing(request: ApprovalRequest) -> Callable[[], ApprovalRequest]:
    return lambda: operations.withdraw(request_ref=request.ref, actor=request.requested_by, now=clock.now())


def again(request: ApprovalRequest) -> ApprovalRequest:
    return ApprovalRequest.objects.get(pk=request.pk)


def failures(outcomes: list[object]) -> list[Exception]:
    return [one for one in outcomes if isinstance(one, Exception)]


def effects(request: ApprovalRequest) -> tuple[int, int, int]:
    """How often it was let in, executed, and how many roles came of it."""
    names = AuditEvent.objects.filter(subject_ref__in=[request.ref, request.subject_ref])
    holder = User.objects.get(ref=request.subject_ref)
    return (
        names.filter(name="user.activated").count(),
        names.filter(name="approval.executed").count(),
        RoleGrant.objects.filter(user=holder).count(),
    )


def test_two_approvers_at_once_one_decision_and_the_other_is_told(
    cast: Desk, other: User, request_: ApprovalRequest
) -> None:
    outcomes = at_once([deciding(request_, cast.approver), deciding(request_, other)])

    (told,) = failures(outcomes)
    assert isinstance(told, errors.AlreadyDecided)
    decision = ApprovalDecision.objects.get(request=request_)
    assert decision.decided_by.username in told.sentence
    assert effects(request_) == (1, 1, 1)


def test_approve_against_decline_one_of_them_counts(cast: Desk, other: User, request_: ApprovalRequest) -> None:
    outcomes = at_once([deciding(request_, cast.approver), deciding(request_, other, "decline")])

    (told,) = failures(outcomes)
    assert isinstance(told, errors.AlreadyDecided)
    decision = ApprovalDecision.objects.get(request=request_)
    approved = decision.verdict == "approve"
    assert again(request_).status == ("executed" if approved else "declined")
    assert effects(request_) == ((1, 1, 1) if approved else (0, 0, 0))


def test_one_person_ten_times_at_once_decides_once(cast: Desk, request_: ApprovalRequest) -> None:
    outcomes = at_once([deciding(request_, cast.approver) for _ in range(10)])

    told = failures(outcomes)
    assert len(told) == 9
    assert {type(one) for one in told} == {errors.AlreadyDecided}
    assert effects(request_) == (1, 1, 1)


def test_job_repeats_an_execution_once_however_often_it_runs(cast: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    probe: Probe = register(monkeypatch)
    probe.unavailable = 1
    request = propose(probe.name, "thing")
    decide(request)

    outcomes = at_once([lambda: operations.execute_approved(request_id=request.pk, now=clock.now())] * 10)

    assert failures(outcomes) == []
    assert probe.done == [request.ref]
    assert AuditEvent.objects.filter(name="probe.done").count() == 1


# --- something changes while a decision waits ------------------------------------------------


@pytest.mark.parametrize("how", ["demoted", "suspended"])
def test_approver_who_leaves_while_waiting_decides_nothing(cast: Desk, request_: ApprovalRequest, how: str) -> None:
    with locked(request_):
        waiting = in_thread(deciding(request_, cast.approver))
        wait_for_a_waiter()
        leaving = in_thread(lambda: revoke(cast.approver, "approver") if how == "demoted" else suspend(cast.approver))
        leaving.result()

    assert isinstance(waiting.outcome(), errors.MayNotDecide)
    assert again(request_).status == "pending"
    assert effects(request_) == (0, 0, 0)


@pytest.mark.parametrize("how", ["demoted", "suspended"])
def test_first_of_two_who_leaves_before_the_second_does_not_count(cast: Desk, other: User, how: str) -> None:
    factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = propose("user.approve", cast.newcomer.ref, roles=["ops"])
    decide(request)

    with locked(request):
        waiting = in_thread(deciding(request, other))
        wait_for_a_waiter()
        in_thread(lambda: revoke(cast.approver, "approver") if how == "demoted" else suspend(cast.approver)).result()

    assert waiting.result().status == "pending"
    assert effects(request) == (0, 0, 0)


@pytest.mark.parametrize("how", ["demoted", "suspended"])
def test_proposer_who_leaves_while_a_decision_waits_blocks_it(cast: Desk, request_: ApprovalRequest, how: str) -> None:
    with locked(request_):
        waiting = in_thread(deciding(request_, cast.approver))
        wait_for_a_waiter()
        in_thread(lambda: revoke(cast.proposer, "ops") if how == "demoted" else suspend(cast.proposer)).result()

    assert isinstance(waiting.outcome(), errors.ProposerGone)
    assert effects(request_) == (0, 0, 0)


def test_target_edited_while_a_decision_waits_supersedes_it(cast: Desk, request_: ApprovalRequest) -> None:
    elsewhere = factories.counterparty()
    with locked(request_):
        waiting = in_thread(deciding(request_, cast.approver))
        wait_for_a_waiter()
        User.objects.filter(pk=cast.newcomer.pk).update(counterparty=elsewhere)

    assert isinstance(waiting.outcome(), errors.Superseded)
    assert again(request_).status == "superseded"
    assert effects(request_) == (0, 0, 0)


def test_target_being_edited_is_waited_for(cast: Desk, request_: ApprovalRequest) -> None:
    elsewhere = factories.counterparty()
    with transaction.atomic():
        User.objects.filter(pk=cast.newcomer.pk).update(counterparty=elsewhere)
        waiting = in_thread(deciding(request_, cast.approver))
        wait_for_a_waiter()

    assert isinstance(waiting.outcome(), errors.Superseded)
    assert effects(request_) == (0, 0, 0)


def test_policy_tightened_while_a_decision_waits_counts(cast: Desk, other: User, request_: ApprovalRequest) -> None:
    tightening = deciding(propose("policy.change", "user.approve", quorum=2), other)
    with locked(request_):
        waiting = in_thread(deciding(request_, cast.approver))
        wait_for_a_waiter()
        in_thread(tightening).result()

    assert waiting.result().status == "pending"
    assert effects(request_) == (0, 0, 0)


# --- ending and deciding ---------------------------------------------------------------------


def test_withdraw_against_approve_one_of_them_counts(cast: Desk, request_: ApprovalRequest) -> None:
    outcomes = at_once([withdrawing(request_), deciding(request_, cast.approver)])

    (told,) = failures(outcomes)
    assert isinstance(told, errors.AlreadyDecided)
    is_executed = again(request_).status == "executed"
    assert again(request_).status in {"executed", "cancelled"}
    assert (cast.approver if is_executed else cast.proposer).username in told.sentence
    assert effects(request_) == ((1, 1, 1) if is_executed else (0, 0, 0))


def test_expiry_against_approve_is_expiry(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    run_out(request_, owner)

    outcomes = at_once([lambda: operations.expire_approvals(now=clock.now()), deciding(request_, cast.approver)])

    (told,) = failures(outcomes)
    assert isinstance(told, errors.RequestExpired)
    assert again(request_).status == "expired"
    assert AuditEvent.objects.filter(name="approval.expired", subject_ref=request_.ref).count() == 1


# --- proposing -------------------------------------------------------------------------------


def proposing(cast: Desk, key: str) -> Callable[[], ApprovalRequest]:
    proposal = Proposal("user.approve", cast.newcomer.ref, REASON, key, {"roles": ["ops"]}, cast.approver)
    return lambda: operations.propose(proposal=proposal, actor=cast.proposer, now=clock.now())


def test_two_proposals_of_one_act_at_once_are_one_and_a_refusal(cast: Desk) -> None:
    outcomes = at_once([proposing(cast, factories.unique("key")) for _ in range(4)])

    told = failures(outcomes)
    request = ApprovalRequest.objects.get(act="user.approve", subject_ref=cast.newcomer.ref)
    assert len(told) == 3
    assert all(isinstance(one, errors.AlreadyOpen) and request.ref in one.sentence for one in told)


def test_one_proposal_sent_four_times_at_once_is_one(cast: Desk) -> None:
    outcomes = at_once([proposing(cast, "the same")] * 4)

    assert failures(outcomes) == []
    assert len({one.pk for one in outcomes if isinstance(one, ApprovalRequest)}) == 1
    assert AuditEvent.objects.filter(name="approval.proposed", after__subject=cast.newcomer.ref).count() == 1


def test_first_two_are_made_once_however_many_try(db: None) -> None:
    pairs = [(factories.pending_user(), factories.pending_user()) for _ in range(4)]

    def bootstrapping(first: User, second: User) -> Callable[[], None]:
        return lambda: operations.bootstrap(first=first, second=second, reason=REASON, now=clock.now())

    outcomes = at_once([bootstrapping(*pair) for pair in pairs])

    assert [type(one) for one in failures(outcomes)] == [errors.SomebodyIsActive] * 3
    assert User.objects.filter(status="active").count() == 2


# --- no deadlock -----------------------------------------------------------------------------


def test_two_who_decide_about_each_other_do_not_deadlock(cast: Desk) -> None:
    for _ in range(5):
        one, two = factories.user("approver"), factories.user("approver")
        about_one, about_two = (propose("role.grant", user.ref, role="auditor") for user in (one, two))

        outcomes = at_once([deciding(about_one, two), deciding(about_two, one)])

        assert failures(outcomes) == []
        assert {again(about_one).status, again(about_two).status} == {"executed"}


def test_much_at_once_never_deadlocks(cast: Desk) -> None:
    approvers = [factories.user("approver") for _ in range(4)]
    requests = [propose("role.grant", user.ref, role="auditor") for user in approvers]
    work: list[Callable[[], object]] = []
    for number, request in enumerate(requests):
        work += [deciding(request, approvers[(number + step) % 4]) for step in (1, 2)]
        work.append(withdrawing(request))
    work += [lambda: operations.expire_approvals(now=clock.now())] * 2
    work.append(lambda: suspend(approvers[0]))

    outcomes = at_once(work)

    assert not [one for one in failures(outcomes) if isinstance(one, OperationalError | Busy)]
    known = (errors.AlreadyDecided, errors.MayNotDecide, errors.Superseded)
    assert [one for one in failures(outcomes) if not isinstance(one, known)] == []
    assert {again(request).status for request in requests} <= {"executed", "cancelled", "superseded", "pending"}
    for request in requests:
        granted = RoleGrant.objects.filter(user__ref=request.subject_ref, role="auditor").count()
        assert granted == (again(request).status == "executed")
