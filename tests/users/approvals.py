"""The cast of a decision: who may, who may not, and rows written past the operations, as an attacker would."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests import factories
from tests.factories import REASON
from tests.probes import sql
from trading.lib import clock
from users import operations
from users.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest, AuditEvent, Person, StepUp, User
from users.operations import Proposal

INSERT_LOGIN = """
insert into users_user (password, is_superuser, ref, username, kind, status, language, time_zone, created_at,
    updated_at, approval_reason, person_id)
values ('!', false, %s, %s, 'human', 'pending', 'en', 'UTC', now(), now(), '', %s) returning id
"""


@dataclass
class Desk:
    """Two founders and one who waits."""

    proposer: User
    approver: User
    newcomer: User


def desk() -> Desk:
    """A desk where `proposer` may ask and `approver` may decide."""
    proposer, approver = factories.founders()
    return Desk(proposer, approver, factories.newcomer())


def second_account(of: Person, *roles: str) -> User:
    """Another active login of the same person."""
    pk = sql(INSERT_LOGIN, factories.unique("USR"), factories.unique("second"), of.pk)
    user = User.objects.get(pk=pk)
    factories.check(user)
    third, fourth = factories.user("ops"), factories.user("approver")
    request = factories.propose("user.approve", user.ref, by=third, roles=list(roles))
    assert factories.decide(request, by=fourth).status == "executed"
    return User.objects.get(pk=pk)


def revoke(user: User, role: str) -> None:
    """Take the role away."""
    operations.revoke_role(user=user, role=role, actor=None, reason="for a test", now=clock.now())  # type: ignore[arg-type]


def suspend(user: User) -> None:
    """Take everything away."""
    fresh = User.objects.get(pk=user.pk)
    operations.suspend_user(user=fresh, actor=None, reason="for a test", now=clock.now())


def proof_of(user: User, request: ApprovalRequest) -> StepUp:
    """A fresh step-up on the request."""
    now = clock.now()
    return StepUp.objects.create(user=user, method=StepUp.Method.TOTP, digest=bytes(request.digest), verified_at=now)


def write_decision(request: ApprovalRequest, by: User, proof: StepUp | None = None, **forged: Any) -> ApprovalDecision:
    """A decision's row, written past every check of the operations."""
    values = {
        "verdict": "approve",
        "person_id": by.person_id,
        "reason": REASON,
        "digest": bytes(request.digest),
        "step_up": proof or proof_of(by, request),
        "decided_at": clock.now(),
    }
    return ApprovalDecision.objects.create(request=request, decided_by=by, **(values | forged))


def change_policy(act: str, **terms: object) -> ApprovalPolicy:
    """A next version, as two people decide it."""
    factories.carry("policy.change", act, **terms)
    return operations.current_policy(act)


def run_out(request: ApprovalRequest, owner: Any) -> None:
    """Let the request's time be over. Only the owner of the tables can, with the triggers off."""
    over = "expires_at = now(), execute_by = case when execute_by is not null then now() end"
    _untriggered(owner, "users_approvalrequest", f"update users_approvalrequest set {over} where id = %s", request.pk)  # noqa: S608


def age(request: ApprovalRequest, by: timedelta, owner: Any) -> None:
    """Let it have been proposed earlier, by and to people who held their roles even then."""
    earlier = "update users_rolegrant set granted_at = granted_at - %s"
    _untriggered(owner, "users_rolegrant", earlier, by)
    statement = "update users_approvalrequest set created_at = created_at - %s where id = %s"
    _untriggered(owner, "users_approvalrequest", statement, by, request.pk)


def age_proof(proof: StepUp, by: timedelta, owner: Any) -> None:
    """Make the step-up older than it is."""
    statement = "update users_stepup set verified_at = verified_at - %s where id = %s"
    _untriggered(owner, "users_stepup", statement, by, proof.pk)


def _untriggered(owner: Any, table: str, statement: str, *parameters: object) -> None:
    owner.execute(f"alter table {table} disable trigger user")
    owner.execute(statement, parameters)
    owner.execute(f"alter table {table} enable trigger user")


def forged_request(cast: Desk, **changes: object) -> ApprovalRequest:
    """A request's row, written past `propose`."""
    now = clock.now()
    values: dict[str, Any] = {
        "act": "user.approve",
        "policy": operations.current_policy("user.approve"),
        "subject_type": "user",
        "subject_ref": cast.newcomer.ref,
        "nominee": cast.approver,
        "target_digest": b"",
        "reason": REASON,
        "requested_by": cast.proposer,
        "idempotency_key": factories.unique("forged"),
        "digest": b"",
        "created_at": now,
        "updated_at": now,
        "expires_at": now + timedelta(days=300),
    }
    request = ApprovalRequest(**(values | changes))
    request.save(force_insert=True)
    request.refresh_from_db()
    return request


def execute_by_hand(request: ApprovalRequest, by: User) -> None:
    """Decide and execute by rows alone, in the caller's transaction."""
    digest = bytes(request.digest)
    sql("insert into users_stepup (user_id, method, digest, verified_at) values (%s, 'totp', %s, now())", by.pk, digest)
    proof = sql("select max(id) from users_stepup")
    sql(
        "insert into users_approvaldecision (request_id, verdict, decided_by_id, person_id, reason, digest, step_up_id,"
        " decided_at) values (%s, 'approve', %s, %s, %s, %s, %s, now())",
        *(request.pk, by.pk, by.person_id, REASON, digest, proof),
    )
    for wanted in ("approved", "executed"):
        sql("update users_approvalrequest set status = %s where id = %s", wanted, request.pk)


def demote(user: User) -> None:
    """Take the approver's role away."""
    revoke(user, "approver")


def proposing(cast: Desk, *, by: User | None = None, **changes: Any) -> ApprovalRequest:
    """A proposal to let the newcomer in, or what the changes make of it."""
    values: dict[str, Any] = {
        "act": "user.approve",
        "subject_ref": cast.newcomer.ref,
        "reason": REASON,
        "key": factories.unique("key"),
        "payload": {"roles": ["ops"]},
        "nominee": cast.approver,
    }
    proposal = Proposal(**(values | changes))
    return operations.propose(proposal=proposal, actor=by or cast.proposer, now=clock.now())


def event(name: str, ref: str) -> AuditEvent:
    """The one event of that name about it."""
    return AuditEvent.objects.select_related("actor", "secondary_approver").get(name=name, subject_ref=ref)


def again(request: ApprovalRequest) -> ApprovalRequest:
    """The request as it stands now."""
    return ApprovalRequest.objects.select_related("closed_by").get(pk=request.pk)
