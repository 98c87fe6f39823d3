"""Reads about passkeys, and about who needs one."""

from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from trading.lib.errors import NotFound
from users.models import ApprovalRequest, Passkey, RoleGrant, SecondFactorPolicy, User


def of_user(user: User) -> list[Passkey]:
    """List a login's passkeys, the oldest first. One query."""
    return list(Passkey.objects.filter(user=user, confirmed=True).order_by("pk"))


def has_any(user: User) -> bool:
    """Say whether a login has a passkey. One query."""
    return bool(Passkey.objects.filter(user=user, confirmed=True).exists())


def is_bound(user: User) -> bool:
    """Say whether a login holds a role that takes a passkey. One query; the database asks the same (DC29)."""
    bound = SecondFactorPolicy.objects.current().filter(passkey_required=True).values("role")
    return RoleGrant.objects.filter(user=user, role__in=bound, revoked_at=None).exists()


def takes_no_code(user: User) -> bool:
    """Say whether a login holds such a role and has a passkey: then a one-time code does not do. Two queries."""
    return is_bound(user) and has_any(user)


def second_factors() -> list[SecondFactorPolicy]:
    """List what each role of the desk takes now, and the ref of an open proposal to change it. One query."""
    pending = ApprovalRequest.objects.filter(
        act="second_factor.change", subject_ref=OuterRef("role"), status__in=ApprovalRequest.OPEN
    ).values("ref")[:1]
    current = SecondFactorPolicy.objects.current().order_by("pk")
    return list(current.annotate(pending=Coalesce(Subquery(pending), Value(""))))


def versions(role: str) -> list[SecondFactorPolicy]:
    """
    List all versions of what a role takes, newest first. One query.

    :raises NotFound: it is no role of the desk.
    """
    found = list(SecondFactorPolicy.objects.filter(role=role).order_by("-version"))
    if not found:
        raise NotFound
    return found
