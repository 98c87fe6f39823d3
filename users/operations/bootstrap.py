"""The first two people of a new desk: let in together, each on the other's word."""

from datetime import datetime

from django.db import connection

from trading.lib.operations import operation
from users import audit, policies
from users.errors import NotAPair, SomebodyIsActive
from users.models import Role, RoleGrant, User

ROLES = (Role.APPROVER, Role.ADMIN, Role.OPS)
LOCK = 7002


@operation
def bootstrap(*, first: User, second: User, reason: str, now: datetime) -> None:
    """
    Let in the first two people of a desk where nobody is active: approvers who may also propose.

    They stamp each other; from then on everything goes through dual control. Revoke the roles they
    no longer need as soon as others hold them.

    :raises SomebodyIsActive: the desk has people already.
    :raises NotAPair: the two are one person, or not both pending.
    :raises MeaninglessReason: the reason says too little.
    """
    words = policies.require_meaningful(reason)
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    if User.objects.exclude(status__in=[User.Status.PENDING, User.Status.REJECTED]).exists():
        raise SomebodyIsActive
    if first.person_id is None or second.person_id is None or first.person_id == second.person_id:
        raise NotAPair
    for user in (first, second):
        for role in ROLES:
            RoleGrant.objects.create(user=user, role=role, granted_at=now)
    for user, other in ((first, second), (second, first)):
        _let_in(user, other, words, now=now)


def _let_in(user: User, other: User, reason: str, *, now: datetime) -> None:
    user.move(
        User.Status.ACTIVE,
        at=now,
        approval_reason=reason,
        approval_requested_by=other,
        secondary_approver=other,
        secondary_approved_at=now,
    )
    change = audit.Change(
        before={"status": User.Status.PENDING},
        after={"status": user.status, "roles": list(ROLES)},
        reason=reason,
        secondary_approver=other,
    )
    audit.record("user.bootstrapped", actor=other, subject=user, at=now, change=change)
