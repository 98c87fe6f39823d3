"""Deciding: what it does, and what it refuses in which words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.factories import REASON, decide, propose
from tests.users.approvals import (
    Desk,
    again,
    age_proof,
    change_policy,
    demote,
    desk,
    event,
    proof_of,
    proposing,
    revoke,
    run_out,
    second_account,
    suspend,
)
from trading.lib import clock
from users import errors, operations
from users.models import ApprovalDecision, ApprovalRequest, RoleGrant, User
from users.policies import MeaninglessReason


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


def test_approval_executes_at_once_and_says_who(cast: Desk, request_: ApprovalRequest) -> None:
    done = decide(request_)

    assert done.status == "executed"
    user, decision = User.objects.get(pk=cast.newcomer.pk), ApprovalDecision.objects.get(request=request_)
    assert user.status == "active"
    assert (user.approval_reason, user.approval_requested_by) == (REASON, cast.proposer)
    assert (user.secondary_approver, user.secondary_approved_at) == (cast.approver, decision.decided_at)
    assert user.approval_request == request_
    assert list(RoleGrant.objects.filter(user=user).values_list("role", flat=True)) == ["ops"]
    activated = event("user.activated", user.ref)
    assert (activated.actor, activated.reason, activated.secondary_approver) == (cast.proposer, REASON, cast.approver)
    assert activated.before == {"status": "pending"}
    assert activated.after == {"status": "active", "roles": ["ops"], "request": request_.ref}
    for name in ("approval.approved", "approval.executed"):
        written = event(name, request_.ref)
        assert written.secondary_approver == cast.approver
        assert bytes(written.digest or b"") == bytes(request_.digest)
    assert event("approval.approved", request_.ref).actor == cast.approver


def test_declining_ends_it(cast: Desk, request_: ApprovalRequest) -> None:
    decide(request_, verdict="decline")

    ended = again(request_)
    assert (ended.status, ended.closed_by, ended.outcome) == ("declined", cast.approver, REASON)
    assert not User.objects.filter(pk=cast.newcomer.pk, status="active").exists()
    declined = event("approval.declined", request_.ref)
    assert (declined.actor, declined.reason, declined.secondary_approver) == (cast.approver, REASON, cast.approver)
    assert proposing(cast).status == "pending"


def test_anybody_eligible_decides_in_place_of_the_nominee(cast: Desk) -> None:
    other = factories.user("approver")
    request = proposing(cast, nominee=cast.approver)

    assert decide(request, by=other).status == "executed"
    assert User.objects.get(pk=cast.newcomer.pk).secondary_approver == other


def test_own_proposal(cast: Desk, request_: ApprovalRequest) -> None:
    digest = bytes(request_.digest)

    with pytest.raises(errors.OwnProposal):
        decide(request_, by=cast.proposer)
    with pytest.raises(errors.OwnProposal):  # and before a code is spent on it
        operations.require_decidable(request_ref=request_.ref, digest=digest, actor=cast.proposer, now=clock.now())


def test_own_proposal_by_another_login(cast: Desk) -> None:
    other_login = second_account(cast.proposer.person, "approver")  # type: ignore[arg-type]

    with pytest.raises(errors.OwnProposal):
        decide(proposing(cast), by=other_login)


def test_about_oneself_whatever_the_login(cast: Desk) -> None:
    user = factories.user("approver")
    other_login = second_account(user.person, "approver")  # type: ignore[arg-type]
    request = propose("role.grant", user.ref, role="ops")

    for one in (user, other_login):
        with pytest.raises(errors.AboutYourself):
            decide(request, by=one)


@pytest.mark.parametrize("role", ["trader", "lp", "ops", "admin", "auditor", "service"])
def test_roles_that_may_not_decide(cast: Desk, role: str) -> None:
    user = factories.user(role)

    with pytest.raises(errors.MayNotDecide):
        decide(proposing(cast), by=user)


@pytest.mark.parametrize("take_away", [demote, suspend])
def test_former_approver_may_not_decide(
    cast: Desk, request_: ApprovalRequest, take_away: Callable[[User], None]
) -> None:
    take_away(cast.approver)

    with pytest.raises(errors.MayNotDecide):
        decide(request_)
    assert again(request_).status == "pending"


def test_role_that_came_later_may_not_decide(cast: Desk, request_: ApprovalRequest) -> None:
    late = factories.user("approver")

    with pytest.raises(errors.MayNotDecide):
        decide(request_, by=late)


def test_second_approver_is_told_who_did_what_and_when(cast: Desk) -> None:
    other = factories.user("approver")
    request = proposing(cast)
    decide(request)

    with pytest.raises(errors.AlreadyDecided) as refusal:
        decide(request, by=other)
    sentence = refusal.value.sentence
    assert request.ref in sentence
    assert cast.approver.username in sentence
    assert "Executed" in sentence
    assert f"{again(request).closed_at:%Y-%m-%d %H:%M:%S}" in sentence


def test_nobody_is_named_for_what_they_did_not_end(cast: Desk) -> None:
    other, third = factories.user("approver"), factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = proposing(cast)
    decide(request)
    operations.withdraw(request_ref=request.ref, actor=cast.proposer, now=clock.now())

    for one in (other, third):
        with pytest.raises(errors.AlreadyDecided, match=f"who={cast.proposer.username}"):
            decide(request, by=one)


def test_something_else_was_shown(cast: Desk, request_: ApprovalRequest) -> None:
    proof = proof_of(cast.approver, request_)
    request_.digest = b"?" * 32

    with pytest.raises(errors.StaleDigest):
        deciding(request_, cast.approver, proof)
    assert again(request_).status == "pending"


def deciding(request: ApprovalRequest, by: User, proof: Any, reason: str = REASON) -> ApprovalRequest:
    return operations.decide(
        request_ref=request.ref,
        verdict="approve",
        reason=reason,
        digest=bytes(request.digest),
        actor=by,
        proof=proof,
        now=clock.now(),
    )


def test_proof_that_is_old_foreign_for_something_else_or_used(cast: Desk, owner: Any) -> None:
    other = factories.user("approver")
    request, second = proposing(cast), proposing(cast, act="user.reject", payload={})
    old = proof_of(cast.approver, request)
    age_proof(old, timedelta(minutes=6), owner)

    for proof in (old, proof_of(other, request), proof_of(cast.approver, second)):
        with pytest.raises(errors.StaleProof):
            deciding(request, cast.approver, proof)
    assert again(request).status == "pending"


def test_reason_of_ones_own(cast: Desk, request_: ApprovalRequest) -> None:
    with pytest.raises(MeaninglessReason):
        deciding(request_, cast.approver, proof_of(cast.approver, request_), "\u200b" * 40)


def test_no_such_request(cast: Desk, request_: ApprovalRequest) -> None:
    request_.ref = "APR-NOTHING"

    with pytest.raises(errors.NoSuchRequest):
        decide(request_)


def test_target_that_changed_supersedes_and_blames_nobody(cast: Desk, request_: ApprovalRequest) -> None:
    other = factories.counterparty()
    User.objects.filter(pk=cast.newcomer.pk).update(counterparty=other)

    for _ in range(2):
        with pytest.raises(errors.Superseded):
            decide(request_)
    ended = again(request_)
    assert (ended.status, ended.closed_by) == ("superseded", None)
    assert not ended.decisions.exists()
    recorded = event("approval.superseded", request_.ref)
    assert recorded.actor is None
    assert recorded.before["target"]["counterparty"] is None
    assert recorded.after["target"]["counterparty"] == other.ref
    assert set(recorded.after["target"]) == {"counterparty", "onboarding"}  # the client's checks are needed, too


def test_expired_request_is_closed_when_somebody_tries(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    run_out(request_, owner)

    for _ in range(2):
        with pytest.raises(errors.RequestExpired):
            decide(request_)
    assert again(request_).status == "expired"
    assert User.objects.get(pk=cast.newcomer.pk).status == "pending"


@pytest.mark.parametrize("how", ["suspended", "demoted"])
def test_proposer_who_may_no_longer_propose_blocks_it(cast: Desk, request_: ApprovalRequest, how: str) -> None:
    if how == "suspended":
        suspend(cast.proposer)
    else:
        revoke(cast.proposer, "ops")

    with pytest.raises(errors.ProposerGone):
        decide(request_)
    assert again(request_).status == "pending"
    assert not ApprovalDecision.objects.filter(request=request_).exists()
    assert decide(request_, verdict="decline").status == "declined"
