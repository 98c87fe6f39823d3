"""Telegram accounts: a token that links one, the link itself, and its end."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden
from trading.lib.operations import operation
from users import audit, capabilities
from users.errors import NeedsTwo, NotActive
from users.models import LinkToken, TelegramLink, User
from users.operations.scopes import require_served

TOKEN_LIFE = timedelta(minutes=15)


class UnknownLinkToken(Forbidden):
    """The desk never made it, or somebody used it, or a newer one took its place. Which of them is not told."""

    code = "unknown_link_token"
    text = _("This link does not work (any more). Ask your contact at the desk for a new one.")


class ExpiredLinkToken(Forbidden):
    """Its minutes are over."""

    code = "expired_link_token"
    text = _("This link has expired. Ask your contact at the desk for a new one.")


class NotTheirs(Forbidden):
    """One makes and ends links for oneself, or with a capability for others."""

    code = "not_your_link"
    text = _("Only operations do this for others.")


class NotLinkedNow(Conflict):
    """There is no account to end."""

    code = "not_linked_now"
    text = _("{username} has no Telegram account linked.")


@dataclass(frozen=True, slots=True)
class NewLinkToken:
    """A token in clear, shown once, and until when it works."""

    text: str
    expires_at: datetime


@operation
def make_link_token(*, user: User, actor: User, now: datetime) -> NewLinkToken:
    """
    A token that links the user's first Telegram account. An older one that was not used stops working.

    :raises NotTheirs: it is for somebody else, and the actor lacks `telegram.link`.
    :raises NotActive: the user may not act at present.
    :raises NeedsTwo: the user was linked before: another account is the act `telegram.relink`.
    """
    _require_may(actor, user, "telegram.link")
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if user.status != User.Status.ACTIVE:
        raise NotActive
    if TelegramLink.objects.filter(user=user).exists():
        raise NeedsTwo(act="telegram.relink")
    LinkToken.objects.filter(user=user, used_at=None).delete()
    text, until = secrets.token_urlsafe(16), now + TOKEN_LIFE
    LinkToken.objects.create(user=user, made_by=actor, hash=_hash(text), made_at=now, expires_at=until)
    change = audit.Change(after={"expires_at": until.isoformat()})
    audit.record("telegram.token_made", actor=actor, subject=user, at=now, change=change)
    return NewLinkToken(text, until)


@operation
def link_by_token(*, token: str, telegram_id: int, now: datetime) -> User:
    """
    Bind a Telegram account to the user a token was made for, and use the token up.

    :raises UnknownLinkToken: there is no such token (any more).
    :raises ExpiredLinkToken: its minutes are over.
    :raises NotActive: the user may not act at present.
    :raises NeedsTwo: the user, or the account, was linked meanwhile.
    """
    rows = LinkToken.objects.select_related("user").select_for_update(of=("self",))
    found = rows.filter(hash=_hash(token), used_at=None).first()
    if found is None:
        raise UnknownLinkToken
    if found.expires_at <= now:
        raise ExpiredLinkToken
    if found.user.status != User.Status.ACTIVE:
        raise NotActive
    LinkToken.objects.filter(pk=found.pk).update(used_at=now)
    add_link(found.user, telegram_id, now=now)
    return found.user


@operation
def link_telegram(*, user: User, telegram_id: int, now: datetime) -> TelegramLink:
    """
    Bind a user's first Telegram account. A second one is the act `telegram.relink`: two people decide.

    :raises NeedsTwo: the user was linked before, or somebody else has this account.
    """
    return add_link(user, telegram_id, now=now)


def add_link(user: User, telegram_id: int, *, now: datetime) -> TelegramLink:
    """
    The same within a transaction.

    :raises NeedsTwo: the user was linked before, or somebody else has this account.
    """
    if TelegramLink.objects.filter(Q(user=user) | Q(telegram_id=telegram_id, ended_at=None)).exists():
        raise NeedsTwo(act="telegram.relink")
    link = TelegramLink.objects.create(user=user, telegram_id=telegram_id, linked_at=now)
    change = audit.Change(after={"telegram_id": telegram_id})
    audit.record("telegram.linked", actor=user, subject=user, at=now, change=change)
    return link


@operation
def end_link(*, user: User, actor: User, reason: str, now: datetime) -> TelegramLink:
    """
    Cut a user's Telegram account off, at once. Reduces risk: its owner, or one person of the desk, may.

    :param reason: why; one's own account needs none.
    :raises NotTheirs: it is somebody else's, and the actor lacks `telegram.end`.
    :raises NotLinkedNow: there is none.
    """
    _require_may(actor, user, "telegram.end")
    link = TelegramLink.objects.select_for_update().filter(user=user, ended_at=None).first()
    if link is None:
        raise NotLinkedNow(username=user.username)
    TelegramLink.objects.filter(pk=link.pk).update(ended_at=now)
    change = audit.Change(before={"telegram_id": link.telegram_id}, reason=reason)
    audit.record("telegram.ended", actor=actor, subject=user, at=now, change=change)
    return link


def _require_may(actor: User, user: User, capability: str) -> None:
    if actor.pk == user.pk:
        return
    if not capabilities.holds(actor, capability):
        raise NotTheirs
    require_served(actor, user.counterparty_id)


def _hash(token: str) -> bytes:
    """128 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()
