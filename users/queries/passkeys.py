"""Reads about passkeys."""

from django.conf import settings

from users.models import Passkey, RoleGrant, User


def of_user(user: User) -> list[Passkey]:
    """List a login's passkeys, the oldest first. One query."""
    return list(Passkey.objects.filter(user=user, confirmed=True).order_by("pk"))


def has_any(user: User) -> bool:
    """Say whether a login has a passkey. One query."""
    return bool(Passkey.objects.filter(user=user, confirmed=True).exists())


def is_bound(user: User) -> bool:
    """Say whether a login holds a role that decides with a passkey only. One query; none where no role does."""
    roles = settings.PASSKEY_ROLES
    return bool(roles) and RoleGrant.objects.filter(user=user, role__in=roles, revoked_at=None).exists()


def lacks_one(user: User) -> bool:
    """Say whether a login has to add a passkey before anything else. At most two queries."""
    return is_bound(user) and not has_any(user)
