"""What the database refuses on decisions, whatever way they come: each rule by its code."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import IntegrityError

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
    second_account,
    suspend,
    write_decision,
)
from trading.lib import clock
from users import operations
from users.acts import UnknownAct
from users.errors import StaleProof
from users.models import (
    ApprovalRequest,
    Role,
)
from users.operations.rules import PROOF_USED, as_the_database_says


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


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


def test_a_proof_that_another_decision_took_at_the_same_moment_is_said_to_be_stale(request_: ApprovalRequest) -> None:
    assert sql("select contype from pg_constraint where conname = %s", PROOF_USED) == "u"

    with pytest.raises(StaleProof), as_the_database_says(request_):
        raise IntegrityError(f'duplicate key value violates unique constraint "{PROOF_USED}"')
    with pytest.raises(IntegrityError, match="of something else"), as_the_database_says(request_):
        raise IntegrityError("duplicate key value of something else")


def test_an_act_that_nobody_registered_has_no_policy(db: None) -> None:
    with pytest.raises(UnknownAct):
        operations.current_policy("nothing.at_all")
