"""
What the database refuses on requests and decisions, whatever way they come: each rule by its code.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests import factories
from tests.factories import decide, propose
from tests.probes import refused, sql
from tests.users.approvals import (
    Desk,
    age,
    age_proof,
    change_policy,
    desk,
    forged_request,
    proof_of,
    revoke,
    run_out,
    second_account,
    suspend,
    write_decision,
)
from trading.lib import clock
from users import operations
from users.models import (
    ApprovalRequest,
    Role,
)


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


# --- requests --------------------------------------------------------------------------------


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


# --- decisions -------------------------------------------------------------------------------


def test_proposer_does_not_decide(cast: Desk, request_: ApprovalRequest) -> None:
    with refused("DC23"):
        write_decision(request_, cast.proposer)


def test_second_account_of_the_proposers_person_does_not_decide(cast: Desk) -> None:
    other_login = second_account(cast.proposer.person, "approver")  # type: ignore[arg-type]
    request = propose("user.approve", cast.newcomer.ref, roles=["ops"])

    with refused("DC23"):
        write_decision(request, other_login)
    with refused("DC23"):
        write_decision(request, other_login, person_id=cast.approver.person_id)


@pytest.mark.parametrize("called", ["user", "flag"])
def test_subject_does_not_decide_whatever_it_is_called(cast: Desk, called: str) -> None:
    request = forged_request(
        cast,
        act="role.grant",
        policy=operations.current_policy("role.grant"),
        subject_type=called,
        subject_ref=cast.approver.ref,
        payload={"role": "admin"},
    )

    with refused("DC24"):
        write_decision(request, cast.approver)


def test_second_account_of_the_subjects_person_does_not_decide(cast: Desk) -> None:
    user = factories.user("auditor")
    other_login = second_account(user.person, "approver")  # type: ignore[arg-type]
    request = propose("role.grant", user.ref, role="ops")

    with refused("DC24"):
        write_decision(request, other_login)


def test_what_is_about_a_user_names_who_is_asked(cast: Desk) -> None:
    with refused("DC05"):
        forged_request(cast, nominee=None)
    with refused("DC05"):
        forged_request(cast, nominee=None, subject_type="thing")  # whatever it calls itself


def test_what_is_about_a_service_names_who_is_asked(cast: Desk) -> None:
    robot = factories.newcomer(kind="service")

    with refused("DC05"):
        forged_request(cast, nominee=None, subject_ref=robot.ref)


def test_target_that_was_seen_is_part_of_what_is_signed(cast: Desk) -> None:
    request = forged_request(cast, target={"status": "pending"}, target_digest=b"forged")

    assert bytes(request.target_digest) == sha256(b'{"status": "pending"}').digest()
    with refused("DC10"):
        sql("update users_approvalrequest set target = '{}' where id = %s", request.pk)


@pytest.mark.parametrize("role", [role for role in Role.values if role != "approver"])
def test_roles_that_do_not_decide(cast: Desk, role: str) -> None:
    user = factories.user(role)
    request = propose("user.approve", cast.newcomer.ref, roles=["ops"])

    with refused("DC22" if role == "service" else "DC25"):
        write_decision(request, user)


def test_service_does_not_decide(cast: Desk) -> None:
    new = operations.NewUser(username="robot", full_name="", kind="service")
    robot = operations.create_user(new=new, actor=None, now=clock.now())
    factories.check(robot)
    factories.carry("user.approve", robot.ref, roles=["service"])
    request = propose("user.approve", cast.newcomer.ref)

    with refused("DC22"):
        write_decision(request, robot)


def test_suspended_approver_does_not_decide(cast: Desk, request_: ApprovalRequest) -> None:
    suspend(cast.approver)

    with refused("DC22"):
        write_decision(request_, cast.approver)


def test_revoked_approver_does_not_decide(cast: Desk, request_: ApprovalRequest) -> None:
    revoke(cast.approver, "approver")

    with refused("DC25"):
        write_decision(request_, cast.approver)


def test_role_that_came_after_the_request_does_not_count(cast: Desk, request_: ApprovalRequest) -> None:
    late = factories.user("approver")

    with refused("DC25"):
        write_decision(request_, late)


def test_proof_of_identity_is_needed_own_bound_and_once(cast: Desk) -> None:
    other = factories.user("approver")
    early = operations.step_up_in_sandbox(user=cast.approver, digest=b"?" * 32, now=clock.now())
    request = propose("user.approve", cast.newcomer.ref)
    second = propose("user.reject", cast.newcomer.ref)

    for proof in (early, proof_of(other, request), proof_of(cast.approver, second)):
        with refused("DC27"):
            write_decision(request, cast.approver, proof)
    used = proof_of(cast.approver, request)
    write_decision(request, cast.approver, used)
    with refused("DC27|step_up_id_key"):
        write_decision(second, cast.approver, used)


def test_proof_of_identity_is_fresh(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    age(request_, timedelta(minutes=10), owner)
    old, fresh = proof_of(cast.approver, request_), proof_of(cast.approver, request_)
    age_proof(old, timedelta(minutes=5), owner)
    age_proof(fresh, timedelta(minutes=4), owner)

    with refused("DC27"):
        write_decision(request_, cast.approver, old)
    write_decision(request_, cast.approver, fresh)


def test_quorum_of_now_counts_too(cast: Desk) -> None:
    factories.user("approver")
    request = propose("user.approve", cast.newcomer.ref)
    change_policy("user.approve", quorum=2)
    write_decision(request, cast.approver)

    with refused("DC12 1 of 2"):
        sql("update users_approvalrequest set status = 'approved' where id = %s", request.pk)


def test_proof_from_before_the_request_does_not_count(cast: Desk, request_: ApprovalRequest, owner: Any) -> None:
    proof = proof_of(cast.approver, request_)
    age_proof(proof, timedelta(minutes=1), owner)

    with refused("DC27"):
        write_decision(request_, cast.approver, proof)


def test_proof_is_dated_by_the_database(cast: Desk, request_: ApprovalRequest) -> None:
    proof = operations.step_up_in_sandbox(
        user=cast.approver, digest=bytes(request_.digest), now=clock.now() + timedelta(days=3)
    )
    proof.refresh_from_db()

    assert abs(proof.verified_at - clock.now()) < timedelta(minutes=1)


def test_what_was_signed_is_what_was_proposed(cast: Desk, request_: ApprovalRequest) -> None:
    with refused("DC26"):
        write_decision(request_, cast.approver, digest=b"!" * 32)


def test_decision_is_made_on_what_is_pending(cast: Desk, request_: ApprovalRequest) -> None:
    other = factories.user("approver")
    decide(request_)

    with refused("DC20"):
        write_decision(request_, other)


def test_person_decides_once(cast: Desk) -> None:
    factories.user("approver")
    factories.user("approver")
    change_policy("user.approve", quorum=2)
    request = propose("user.approve", cast.newcomer.ref)
    decide(request)

    with refused("decision_one_a_person"):
        write_decision(request, cast.approver)


@pytest.mark.parametrize("reason", ["", "too short", "\t" * 30, "\u00a0" * 30, "\u200b" * 30, "nineteen letters!!!"])
def test_reasons_that_say_nothing(cast: Desk, request_: ApprovalRequest, reason: str) -> None:
    with refused("decision_reason_meaningful"):
        write_decision(request_, cast.approver, reason=reason)
    with refused("approval_reason_meaningful"):
        forged_request(cast, act="user.reject", policy=operations.current_policy("user.reject"), reason=reason)
