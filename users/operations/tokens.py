"""Tokens of programs that act for a person: issued after password and one-time code, rotated, ended."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from trading.lib.operations import operation
from users import audit, tokens
from users.errors import NotAuthenticated, PasskeyNeeded
from users.models import RefreshToken, TokenFamily, User
from users.queries import passkeys

LONGEST = timedelta(hours=8)  # as a session at the console
SWEPT_AT_ONCE = 1000
KEPT_FOR = timedelta(days=30)


class UnknownRefreshToken(NotAuthenticated):
    """The desk never made it, or it was forgotten."""

    code = "unknown_refresh_token"
    text = _("This refresh token is not known here. Sign in again at /api/token.")


class EndedTokens(NotAuthenticated):
    """The family was ended, or its eight hours are over."""

    code = "ended_tokens"
    text = _("These tokens have ended. Sign in again at /api/token.")


class ReusedToken(NotAuthenticated):
    """A refresh token came twice: somebody has a copy. Its whole family is ended."""

    code = "reused_refresh_token"
    text = _("This refresh token was used before: all tokens of this sign-in have ended. Sign in again at /api/token.")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a program gets: a short access token, and what gets it the next one."""

    access: str
    refresh: str
    family: TokenFamily


def require_no_passkey(user: User) -> None:
    """
    Refuse tokens to who signs in with a passkey: a code that was phished would open what a passkey guards.

    :raises PasskeyNeeded: a role of theirs takes one.
    """
    if passkeys.is_bound(user):
        raise PasskeyNeeded


@operation
def issue_tokens(*, user: User, address: str | None, now: datetime) -> Tokens:
    """
    Begin a family for a person who has just given password and one-time code.

    :raises PasskeyNeeded: a role of theirs takes a passkey, which no program can give.
    """
    require_no_passkey(user)
    family = TokenFamily.objects.create(user=user, address=address, began_at=now, expires_at=now + LONGEST)
    change = audit.Change(after={"family": family.ref})
    audit.record("token.issued", actor=user, subject=user, at=now, change=change)
    return _next(family, now)


def refresh_tokens(*, refresh: str, now: datetime) -> Tokens:
    """
    The next tokens of a family. Two uses of one refresh token at once end the family as one after the other do.

    What is wrong is remembered although the answer is a refusal, so the family's end is a step of its own.

    :raises UnknownRefreshToken: the desk never made it.
    :raises EndedTokens: its family was ended, or is too old.
    :raises ReusedToken: it was used before.
    """
    found = _rotate(refresh=refresh, now=now)
    if found is None:
        raise ReusedToken
    return found


@operation
def _rotate(*, refresh: str, now: datetime) -> Tokens | None:
    """Use the token up; nothing when it was used before, and its family is ended by that."""
    family_pk = RefreshToken.objects.filter(hash=_hash(refresh)).values_list("family", flat=True).first()
    if family_pk is None:
        raise UnknownRefreshToken
    family = TokenFamily.objects.select_related("user").select_for_update(of=("self",)).get(pk=family_pk)
    if family.ended_at is not None or family.expires_at <= now or family.user.status != User.Status.ACTIVE:
        raise EndedTokens
    if RefreshToken.objects.filter(hash=_hash(refresh), used_at=None).update(used_at=now) == 1:
        return _next(family, now)
    TokenFamily.objects.filter(pk=family.pk).update(ended_at=now)
    change = audit.Change(after={"family": family.ref})
    audit.record("token.reused", actor=None, subject=family.user, at=now, change=change)
    return None


@operation
def revoke_tokens(*, refresh: str, now: datetime) -> None:
    """End the family of a refresh token. What is not known, or over, is as good as ended (RFC 7009)."""
    token = RefreshToken.objects.select_related("family__user").filter(hash=_hash(refresh)).first()
    if token is not None and end_families(token.family.user, now=now, only=token.family):
        change = audit.Change(after={"family": token.family.ref})
        audit.record("token.revoked", actor=token.family.user, subject=token.family.user, at=now, change=change)


def end_families(user: User, *, now: datetime, only: TokenFamily | None = None) -> int:
    """End all (or one) of a user's families. Assumes a transaction whose audit event says so."""
    live = TokenFamily.objects.filter(user=user, ended_at=None)
    return (live.filter(pk=only.pk) if only else live).update(ended_at=now)


@operation
def sweep_tokens(*, now: datetime) -> int:
    """Remove refresh tokens of families long over, a bounded number. No act, so no audit event."""
    over = RefreshToken.objects.filter(family__expires_at__lt=now - KEPT_FOR).values("pk")[:SWEPT_AT_ONCE]
    swept, _by_model = RefreshToken.objects.filter(pk__in=over).delete()
    return swept


def _next(family: TokenFamily, now: datetime) -> Tokens:
    refresh = secrets.token_urlsafe(32)
    RefreshToken.objects.create(family=family, hash=_hash(refresh), issued_at=now)
    access = tokens.issue(user_ref=family.user.ref, family_ref=family.ref, now=now)
    return Tokens(access, refresh, family)


def _hash(refresh: str) -> bytes:
    """256 random bits need no salt and no slow hash."""
    return hashlib.sha256(refresh.encode()).digest()
