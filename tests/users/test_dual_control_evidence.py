"""What stays on record of dual control: the first policies, and what the event of each step says."""

from typing import Any

import pytest

from tests import factories
from tests.factories import REASON, decide, propose
from tests.users.acts import Probe, register
from tests.users.approvals import Desk, again, change_policy, desk, event, proposing, run_out
from trading.lib import clock
from trading.lib.operations import Busy
from users import acts, errors, operations, policies
from users.models import ApprovalPolicy, ApprovalRequest
from users.operations import approvals


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return proposing(cast)


def said_of(request: ApprovalRequest, **more: object) -> dict[str, object]:
    """What every event about a request says; its proposer, and what they wanted, stay in all of them."""
    return {
        "act": request.act,
        "subject": request.subject_ref,
        "requested_by": request.requested_by.username,
        "request_reason": REASON,
    } | more


def test_every_act_gets_its_first_policy_once(db: None) -> None:
    assert operations.lay_down_policies(now=clock.now()) == len(acts.names())
    assert operations.lay_down_policies(now=clock.now()) == 0

    laid = {policy.act: policy for policy in ApprovalPolicy.objects.all()}
    assert set(laid) == set(acts.names())
    for name, policy in laid.items():
        first = policies.FIRST[name]
        assert (policy.version, policy.quorum, policy.threshold) == (1, first.quorum, first.threshold)
        assert (policy.proposer_roles, policy.approver_role) == (list(first.proposers), first.approver)
        assert (policy.expires_after, policy.execute_within) == (first.expires_after, first.execute_within)
        assert policy.step_up_within == first.step_up_within


def test_a_missing_policy_is_added_beside_those_that_are_there(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    operations.lay_down_policies(now=clock.now())
    monkeypatch.setitem(acts._acts, Probe.name, Probe())
    monkeypatch.setitem(policies.FIRST, Probe.name, policies.FIRST["user.approve"])

    assert operations.lay_down_policies(now=clock.now()) == 1
    assert ApprovalPolicy.objects.get(act=Probe.name).version == 1


def test_proposal_keeps_what_it_is_about_and_when(cast: Desk) -> None:
    request = proposing(cast, reason=f"  {REASON} ")

    assert (request.subject_type, request.subject_ref) == ("user", cast.newcomer.ref)
    assert (request.subject_person_id, request.subject_counterparty_id) == (cast.newcomer.person_id, None)
    assert (request.reason, request.payload) == (REASON, {"roles": ["ops"]})
    assert request.target == acts.target_of(acts.act_of("user.approve"), cast.newcomer.ref)
    assert request.expires_at == request.created_at + request.policy.expires_after
    proposed = event("approval.proposed", request.ref)
    assert proposed.after == said_of(request, status="pending", nominee=cast.approver.username)
    assert (proposed.reason, proposed.before) == (REASON, {})


def test_the_same_key_with_another_nominee_or_none_is_another_proposal(cast: Desk) -> None:
    proposal = operations.Proposal("user.approve", cast.newcomer.ref, REASON, "key", {"roles": ["ops"]}, cast.approver)
    request = operations.propose(proposal=proposal, actor=cast.proposer, now=clock.now())

    assert proposal.is_that_of(request)
    others: list[dict[str, Any]] = [
        {"act": "user.reject"},
        {"subject_ref": "USR-OTHER"},
        {"reason": "something else"},
        {"payload": {}},
        {"nominee": cast.proposer},
        {"nominee": None},
    ]
    for changed in others:
        values = {name: getattr(proposal, name) for name in proposal.__slots__} | changed
        assert not operations.Proposal(**values).is_that_of(request)


def test_execution_names_both_people_and_the_outcome(cast: Desk, request_: ApprovalRequest) -> None:
    done = decide(request_, by=cast.approver)

    approved, executed = event("approval.approved", done.ref), event("approval.executed", done.ref)
    assert (approved.actor, approved.secondary_approver, approved.reason) == (cast.approver, cast.approver, REASON)
    assert approved.after == said_of(done, status="approved")
    assert (executed.actor, executed.secondary_approver, executed.reason) == (None, cast.approver, "")
    assert executed.after == said_of(done, status="executed", outcome=again(done).outcome)
    assert again(done).outcome == done.outcome != ""
    for one in (approved, executed):
        assert bytes(one.digest or b"") == bytes(done.digest)


def test_one_of_two_approvals_is_counted(cast: Desk) -> None:
    factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = proposing(cast)

    assert decide(request, by=cast.approver).status == "pending"

    counted = event("approval.counted", request.ref)
    assert (counted.actor, counted.secondary_approver, counted.reason) == (cast.approver, cast.approver, REASON)
    assert counted.after == said_of(request, status="pending")


def test_declining_names_who_did_it_and_why(cast: Desk, request_: ApprovalRequest) -> None:
    decide(request_, by=cast.approver, verdict="decline")

    ended = again(request_)
    assert (ended.status, ended.closed_by, ended.outcome) == ("declined", cast.approver, REASON)
    declined = event("approval.declined", request_.ref)
    assert (declined.actor, declined.secondary_approver, declined.reason) == (cast.approver, cast.approver, REASON)
    assert declined.after == said_of(request_, status="declined")


def test_withdrawing_has_no_second_person(cast: Desk, request_: ApprovalRequest) -> None:
    operations.withdraw(request_ref=request_.ref, actor=cast.proposer, now=clock.now())

    cancelled = event("approval.cancelled", request_.ref)
    assert (cancelled.secondary_approver, cancelled.reason) == (None, "")
    assert cancelled.after == said_of(request_, status="cancelled")


def test_what_changed_in_the_target_is_told_as_it_was_and_as_it_is(cast: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = register(monkeypatch)
    request = propose(probe.name, "thing")
    probe.looks = "another"

    with pytest.raises(errors.Superseded):
        decide(request)

    superseded = event("approval.superseded", request.ref)
    assert superseded.before == {"target": {"looks": "the same"}}
    assert superseded.after == said_of(request, status="superseded", target={"looks": "another"})
    assert (superseded.actor, superseded.reason) == (None, "the target changed: looks")


def test_only_so_many_expire_at_once_and_the_oldest_first(
    cast: Desk, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = proposing(cast), proposing(cast, act="user.reject", payload={})
    for request in (first, second):
        run_out(request, owner)
    monkeypatch.setattr(approvals, "EXPIRED_AT_ONCE", 1)

    assert operations.expire_approvals(now=clock.now()) == 1

    assert (again(first).status, again(second).status) == ("expired", "pending")
    assert event("approval.expired", first.ref).after == said_of(first, status="expired")


def test_what_ended_while_it_was_proposed_again_is_to_be_tried_again(
    cast: Desk, request_: ApprovalRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was in the way is over when one looks: neither this proposal nor an open one is there."""
    monkeypatch.setattr(ApprovalRequest, "OPEN", frozenset())

    with pytest.raises(Busy):
        proposing(cast)
