"""
Who may use the REST interface.

Three kinds of credential: the console's session with its second factor verified, a person's access token, and an API
key. A session is checked against forged requests with Django's token; the others are never sent by a browser on their
own and need none.
"""

import ipaddress
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja.utils import check_csrf

from trading.lib import clock, http
from trading.lib.errors import Forbidden
from users import access, capabilities, keys, limits, operations, tokens
from users.errors import NotAuthenticated, PasskeyNeeded
from users.models import ApiKey, User
from users.operations.tokens import EndedTokens
from users.queries import keys as queries

SCHEME = "bearer "


class NotSignedIn(NotAuthenticated):
    """No session, no second factor, or its time is over."""

    code = "not_signed_in"
    text = _("Sign in to the console with your one-time code first.")


class NotOfTheDesk(Forbidden):
    """A service, or a client's or LP's login."""

    code = "not_of_the_desk"
    text = _("This is for the desk's own people.")


class ForgedRequest(Forbidden):
    """The token against forged requests is missing or wrong."""

    code = "csrf"
    text = _("Send the token that GET /api/session gives as the header X-CSRFToken, with a Referer of this site.")


class NotWithAKey(Forbidden):
    """What only a person does: proposing, deciding, looking into approvals."""

    code = "not_with_a_key"
    text = _("An API key cannot do this: sign in as a person.")


class UnknownKey(NotAuthenticated):
    """The key is whole, and no desk of ours made it."""

    code = "unknown_key"
    text = _("This API key is not known here.")


class RevokedKey(NotAuthenticated):
    """Somebody ended the key."""

    code = "revoked_key"
    text = _("This API key was revoked. Have another one issued.")


class ExpiredKey(NotAuthenticated):
    """The key's time is over."""

    code = "expired_key"
    text = _("This API key has expired. Have another one issued.")


class KeyOfNobody(NotAuthenticated):
    """The login the key belongs to is not active."""

    code = "key_of_inactive_user"
    text = _("The login of this API key is not active. Please contact the desk.")


class ForeignAddress(Forbidden):
    """The key was made for other addresses."""

    code = "foreign_address"
    text = _("This API key may not be used from this address. Call from one that it was made for.")


def authenticate(request: HttpRequest) -> User:
    """
    The person of the desk a request speaks for, by session or access token. Keys do nothing here.

    :raises NotSignedIn: nobody, or without a verified second factor.
    :raises NotOfTheDesk: not a person of the desk.
    :raises ForgedRequest: it would write, and does not show the session's token.
    :raises NotWithAKey: an API key was presented.
    """
    bearer = _bearer(request)
    if bearer.startswith(keys.PREFIX):
        by_key(request)
        raise NotWithAKey
    user = by_token(request) if bearer else by_session(request)
    if not user.is_staff:
        raise NotOfTheDesk
    return user


def authenticate_any(request: HttpRequest) -> User:
    """
    Whoever a request speaks for: by an API key when one is presented, else by the session.

    :raises NotAuthenticated: as `by_key` and `by_session` do.
    :raises Forbidden: likewise.
    """
    bearer = _bearer(request)
    if bearer.startswith(keys.PREFIX):
        return by_key(request)
    return by_token(request) if bearer else by_session(request)


def by_session(request: HttpRequest) -> User:
    """
    The person whose session this is.

    :raises NotSignedIn: nobody, or without a verified second factor.
    :raises NotOfTheDesk: not a person of the desk.
    :raises PasskeyNeeded: a role of theirs takes a passkey, and the session was opened without.
    :raises ForgedRequest: it would write, and does not show the session's token.
    """
    user = request.user
    if not access.is_verified(user):
        raise NotSignedIn
    if not user.is_staff:
        raise NotOfTheDesk
    if access.let_in(request) is None:
        raise NotSignedIn
    if access.is_held_up(user):
        raise PasskeyNeeded
    if check_csrf(request) is not None:
        raise ForgedRequest
    _count_caller(f"user:{user.ref}")
    return user


def by_token(request: HttpRequest) -> User:
    """
    The person whose access token this is. Status and rights are read anew at every call.

    :raises NotAuthenticated: no token of ours, expired, or its family has ended.
    :raises TooManyRequests: too many calls in this minute.
    """
    now = clock.now()
    _count_address(request)
    claims = tokens.read(_bearer(request))
    family = queries.family(claims.family)
    if family is None or family.user.ref != claims.user or family.ended_at is not None or family.expires_at <= now:
        raise EndedTokens
    if family.user.status != User.Status.ACTIVE:
        raise EndedTokens
    _count_caller(f"user:{family.user.ref}")
    request.token_family = family  # type: ignore[attr-defined]
    return family.user


def by_key(request: HttpRequest) -> User:
    """
    The login whose API key this is, narrowed to the key's scopes. Everything is looked up at every call.

    :raises MistypedKey: it is no key at all.
    :raises UnknownKey: nobody here made it.
    :raises RevokedKey: somebody ended it.
    :raises ExpiredKey: its time is over.
    :raises KeyOfNobody: its login is not active.
    :raises ForeignAddress: it was made for other addresses.
    """
    _count_address(request)
    presented, now = keys.parse(_bearer(request)), clock.now()
    key = queries.presented(presented.identifier)
    if key is None or not compare_digest(bytes(key.secret_hash or b""), presented.hash):
        raise UnknownKey
    state = key.state(at=now)
    if state == ApiKey.State.REVOKED:
        raise RevokedKey
    if state != ApiKey.State.LIVE:
        raise ExpiredKey
    if key.user.status != User.Status.ACTIVE:
        raise KeyOfNobody
    if not _is_from(http.client_address(request), key.addresses):
        raise ForeignAddress
    _count_caller(f"key:{key.ref}")
    operations.note_use(key, now=now)
    request.api_key = key  # type: ignore[attr-defined]
    return capabilities.narrow(key.user, key.scopes)


def _count_address(request: HttpRequest) -> None:
    """Before anything is looked at: guessing is bounded whatever is guessed."""
    limits.count(f"address:{http.client_address(request)}", limit=settings.API_RATE_ADDRESS, now=clock.now())


def _count_caller(caller: str) -> None:
    limits.count(caller, limit=settings.API_RATE_CALLER, now=clock.now())


def _bearer(request: HttpRequest) -> str:
    header = request.headers.get("Authorization", "")
    return header[len(SCHEME) :].strip() if header.lower().startswith(SCHEME) else ""


def _is_from(address: str | None, networks: list[str]) -> bool:
    """Whether the address lies in one of the networks; with none named, everywhere is right."""
    if not networks:
        return True
    if address is None:
        return False
    caller = ipaddress.ip_address(address)
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in networks)
