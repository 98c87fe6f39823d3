"""What the database refuses on requests, whatever way they come: each rule by its code."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.factories import decide, propose
from tests.probes import refused, sql
from tests.users.approvals import (
    Desk,
    change_policy,
    desk,
    forged_request,
    proof_of,
    revoke,
    run_out,
    suspend,
    write_decision,
)
from trading.lib import clock
from users import operations
from users.models import (
    ApprovalRequest,
)


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


@pytest.mark.parametrize("forged", ["approved", "executed", "declined", "failed", "expired", "cancelled", "superseded"])
def test_request_is_born_pending(cast: Desk, forged: str) -> None:
    with refused(f"has no step >{forged}"):
        forged_request(cast, status=forged)


def test_what_is_not_proposed_is_written_by_the_database(cast: Desk) -> None:
    long_ago = clock.now() - timedelta(days=9)
    request = forged_request(
        cast,
        created_at=long_ago,
        approved_at=long_ago,
        execute_by=clock.now() + timedelta(days=9),
        closed_by=cast.approver,
        outcome="done",
        digest=b"forged",
        subject_person=cast.proposer.person,
    )

    assert request.created_at > clock.now() - timedelta(minutes=1)
    assert request.expires_at == request.created_at + timedelta(days=1)
    assert (request.approved_at, request.execute_by, request.closed_by, request.executed_xid) == (None,) * 4
    assert request.outcome == ""
    assert len(bytes(request.digest)) == 32
    assert request.subject_person == cast.newcomer.person


def test_old_policy_carries_no_request(cast: Desk) -> None:
    old = operations.current_policy("user.approve")
    change_policy("user.approve", expires_after=3600)

    with refused("DC01"):
        forged_request(cast, policy=old)
    with refused("DC01"):
        forged_request(cast, policy=operations.current_policy("flag.on"))


def test_suspended_person_proposes_nothing(cast: Desk) -> None:
    suspend(cast.proposer)

    with refused("DC02"):
        forged_request(cast)


@pytest.mark.parametrize("role", ["trader", "lp", "approver", "auditor", "service"])
def test_roles_that_do_not_propose(cast: Desk, role: str) -> None:
    user = factories.user(role)

    with refused("DC02" if role == "service" else "DC03"):
        forged_request(cast, requested_by=user)


def test_revoked_role_proposes_nothing(cast: Desk) -> None:
    revoke(cast.proposer, "ops")

    with refused("DC03"):
        forged_request(cast)


@pytest.mark.parametrize("called", ["user", "flag"])
def test_nobody_proposes_about_themselves_whatever_they_call_it(cast: Desk, called: str) -> None:
    with refused("DC04"):
        forged_request(cast, subject_ref=cast.proposer.ref, subject_type=called)


def test_nobody_nominates_themselves(cast: Desk) -> None:
    with refused("approval_nominates_another"):
        forged_request(cast, nominee=cast.proposer)


def test_act_and_target_have_one_open_request(cast: Desk, request_: ApprovalRequest) -> None:
    with refused("approval_one_open"):
        forged_request(cast)


@pytest.mark.parametrize("wanted", ["approved", "declined", "expired"])
def test_request_does_not_move_without_its_reason(request_: ApprovalRequest, wanted: str) -> None:
    code = {"approved": "DC12", "declined": "DC17", "expired": "DC16"}[wanted]

    with refused(code):
        sql("update users_approvalrequest set status = %s where id = %s", wanted, request_.pk)


def test_request_is_not_executed_from_nothing(request_: ApprovalRequest) -> None:
    with refused("DC12"):
        sql("update users_approvalrequest set status = 'executed'")
    with refused("DC12"):
        ApprovalRequest.objects.filter(pk=request_.pk).update(status="executed", execute_by=clock.now())


FROZEN = [
    'payload = \'{"roles": ["admin"]}\'',
    "reason = 'another reason, long enough to be one'",
    "digest = 'x'",
    "target_digest = 'x'",
    "requested_by_id = nominee_id",
    "subject_ref = 'USR-OTHER'",
    "subject_person_id = null",
    "expires_at = expires_at + interval '1 year'",
    "created_at = now()",
    "policy_id = (select id from users_approvalpolicy where act = 'flag.on')",
    "idempotency_key = 'other'",
    "outcome = 'done'",
    "execute_by = now() + interval '1 year'",
    "closed_by_id = requested_by_id",
]


@pytest.mark.parametrize("change", FROZEN)
def test_what_was_proposed_does_not_change(request_: ApprovalRequest, change: str) -> None:
    with refused("DC10"):
        sql(f"update users_approvalrequest set {change}")  # noqa: S608
    if "outcome" not in change and "execute_by" not in change and "closed_by" not in change:
        with refused("DC10"):
            sql(f"update users_approvalrequest set status = 'cancelled', {change}")  # noqa: S608


def test_executed_request_stays_as_it_is(request_: ApprovalRequest) -> None:
    decide(request_)

    with refused("DC10"):
        sql("update users_approvalrequest set outcome = 'something else'")
    with refused("has no step|DC10"):
        sql("update users_approvalrequest set status = 'pending'")


def test_nobody_is_blamed_for_what_another_ended(cast: Desk, request_: ApprovalRequest) -> None:
    sql("update users_approvalrequest set status = 'cancelled', closed_by_id = %s", cast.approver.pk)

    request_.refresh_from_db()
    assert request_.closed_by == cast.proposer


def test_proposer_must_be_there_to_the_end(cast: Desk, request_: ApprovalRequest) -> None:
    for take_away in (lambda: revoke(cast.proposer, "ops"), lambda: suspend(cast.proposer)):
        take_away()
        with refused("DC11"):
            write_decision(request_, cast.approver)
            sql("update users_approvalrequest set status = 'approved' where id = %s", request_.pk)


def test_what_one_declined_no_other_approves(cast: Desk) -> None:
    third, fourth = factories.user("approver"), factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = propose("user.approve", cast.newcomer.ref)
    write_decision(request, third, verdict="decline")
    write_decision(request, fourth)
    write_decision(request, cast.approver)

    with refused("DC13"):
        sql("update users_approvalrequest set status = 'approved' where id = %s", request.pk)


def test_expired_request_is_neither_decided_nor_approved(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    other = propose("user.reject", cast.newcomer.ref)
    write_decision(other, cast.approver)
    for one in (request_, other):
        run_out(one, owner)

    with refused("DC21"):
        write_decision(request_, cast.approver)
    with refused("DC14"):
        sql("update users_approvalrequest set status = 'approved' where id = %s", other.pk)


def test_approved_request_is_not_executed_late(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    write_decision(request_, cast.approver)
    sql("update users_approvalrequest set status = 'approved' where id = %s", request_.pk)
    run_out(request_, owner)

    with refused("DC15"):
        sql("update users_approvalrequest set status = 'executed' where id = %s", request_.pk)


def test_older_view_of_the_desk_decides_nothing(cast: Desk, request_: ApprovalRequest) -> None:
    proof = proof_of(cast.approver, request_)

    for level in ("repeatable read", "serializable"):
        for act in (lambda: write_decision(request_, cast.approver, proof), lambda: forged_request(cast)):
            with refused("DC00"):
                sql(f"set transaction isolation level {level}")
                act()
        with refused("DC00"):
            sql(f"set transaction isolation level {level}")
            sql("update users_approvalrequest set status = 'approved'")
