"""Reads about API keys and tokens."""

from datetime import datetime

from django.db.models import QuerySet

from trading.lib.errors import NotFound
from trading.lib.prepared import Given, Read
from users.models import ApiKey, TokenFamily, User

PRESENTED = Read(
    lambda: ApiKey.objects.select_related("user__counterparty", "user__person").filter(identifier=Given("identifier"))
)
FAMILY = Read(lambda: TokenFamily.objects.select_related("user__counterparty", "user__person").filter(ref=Given("ref")))


def of_user(user: User) -> list[ApiKey]:
    """List a login's keys, newest first. One query."""
    return list(_with_names().filter(user=user).order_by("-pk"))


def live(user: User, *, now: datetime) -> list[ApiKey]:
    """List those that work now. One query."""
    return [key for key in of_user(user) if key.state(at=now) == ApiKey.State.LIVE]


def of_login(user_ref: str, key_ref: str) -> ApiKey:
    """
    Read one key of a login. One query.

    :raises NotFound: it has no such key.
    """
    key = _with_names().filter(user__ref=user_ref, ref=key_ref).first()
    if key is None:
        raise NotFound
    return key


def presented(identifier: str) -> ApiKey | None:
    """Find the key with this public id, and whose it is. One query."""
    return PRESENTED.first(identifier=identifier)


def family(ref: str) -> TokenFamily | None:
    """Find a family of tokens, and whose it is. One query."""
    return FAMILY.first(ref=ref)


def _with_names() -> QuerySet[ApiKey]:
    return ApiKey.objects.select_related("user__counterparty", "user__person", "request__requested_by", "replaces")
