"""Making API keys for tests, as people make them."""

from tests import factories
from trading.lib import clock
from users import operations
from users.models import ApiKey, User

TERMS: dict[str, object] = {"name": "quoter", "scopes": ["rfq.quote"], "addresses": [], "days": 30, "replaces": None}


def issued(user: User, **terms: object) -> ApiKey:
    """A key both founders made, not collected yet."""
    request = factories.carry("key.issue", user.ref, **(TERMS | terms))
    return ApiKey.objects.select_related("request__requested_by").get(request=request)


def collected(user: User, **terms: object) -> tuple[ApiKey, str]:
    """A key that works, and its text."""
    key = issued(user, **terms)
    text = operations.collect_key(key_ref=key.ref, actor=key.request.requested_by, now=clock.now())
    key.refresh_from_db()
    return key, text
