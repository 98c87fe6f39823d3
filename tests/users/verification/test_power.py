"""Power without evidence, and evidence without its effect: users, roles, policies, keys, resets, scopes."""

from typing import Any

import pytest

from tests import factories
from tests.users.keys import collected
from tests.users.verification.conftest import found, seal, unguarded
from trading.lib import clock
from users import operations
from users.models import User

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
