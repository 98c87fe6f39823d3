"""
Access tokens: JSON Web Tokens (RFC 7519) of ten minutes, for programs that act for a person.

One algorithm, every claim required, and our own `typ`, so that no other token of ours passes for one. A token says who,
never what they may: that is read from the database at every call.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

import jwt
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from users.errors import NotAuthenticated

ALGORITHM = "HS256"
AUDIENCE = "desk-api"
TYPE = "access"
LIFE = timedelta(minutes=10)
REQUIRED = ["exp", "iat", "nbf", "jti", "iss", "aud", "sub", "sid", "typ"]


class BadToken(NotAuthenticated):
    """Not a token of ours, or not for this."""

    code = "bad_token"
    text = _("This access token is not valid here. Get a new one at /api/token.")


class ExpiredToken(NotAuthenticated):
    """Its ten minutes are over."""

    code = "expired_token"
    text = _("This access token has expired. Refresh it at /api/token/refresh.")


@dataclass(frozen=True, slots=True)
class Claims:
    """Whose token it is, and of which family: refs."""

    user: str
    family: str


def issue(*, user_ref: str, family_ref: str, now: datetime) -> str:
    """An access token of this user and family, from now on."""
    claims = {
        "iss": settings.DESK_URL,
        "aud": AUDIENCE,
        "sub": user_ref,
        "sid": family_ref,
        "typ": TYPE,
        "jti": token_urlsafe(12),
        "iat": now,
        "nbf": now,
        "exp": now + LIFE,
    }
    return jwt.encode(claims, settings.JWT_SECRET, algorithm=ALGORITHM)


def read(token: str) -> Claims:
    """
    What a token says, if it is one of ours and lives.

    :raises ExpiredToken: it was one.
    :raises BadToken: anything else.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            settings.JWT_SECRET,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=settings.DESK_URL,
            options={"require": REQUIRED, "strict_aud": True},
        )
    except jwt.ExpiredSignatureError as error:
        raise ExpiredToken from error
    except jwt.PyJWTError as error:
        raise BadToken from error
    if claims["typ"] != TYPE or not isinstance(claims["sid"], str):
        raise BadToken
    return Claims(claims["sub"], claims["sid"])
