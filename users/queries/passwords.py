"""Reads about password resets."""

from datetime import datetime

from trading.lib.errors import NotFound
from users.models import PasswordReset, User


def to_collect(user: User, actor: User, *, at: datetime) -> PasswordReset | None:
    """The newest reset of a login, if the actor proposed it and can collect its code. One query."""
    newest = PasswordReset.objects.select_related("request").filter(user=user).order_by("-pk").first()
    if newest is None or newest.request.requested_by_id != actor.pk:
        return None
    return newest if newest.state(at=at) == PasswordReset.State.UNCOLLECTED else None


def of_login(user_ref: str, reset_ref: str) -> PasswordReset:
    """
    One reset of a login. One query.

    :raises NotFound: it has no such reset.
    """
    reset = PasswordReset.objects.select_related("user").filter(user__ref=user_ref, ref=reset_ref).first()
    if reset is None:
        raise NotFound
    return reset
