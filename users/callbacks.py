"""
What buttons mean. A button carries a random token; everything else stays here.

A token is bound to one user, one action, one object and its version, so a copied, forged or stale
button does nothing but say so. It lives a month from when it was last shown.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from trading.lib import clock
from trading.lib.errors import Conflict, Forbidden
from users.models import CallbackToken, User

LONGEST_TOKEN = 32
LIFE = timedelta(days=30)
RENEWED_AFTER = timedelta(minutes=1)


class NotYourButton(Forbidden):
    """The token is somebody else's, or none at all."""

    code = "not_your_button"
    text = _("This button does not work here. Ask for a new card.")


class StaleButton(Conflict):
    """What the button stood for has changed since it was shown."""

    code = "stale_button"
    text = _("This has changed meanwhile. Look at the card as it is now.")


class ExpiredButton(Conflict):
    """It was shown too long ago to still be meant."""

    code = "expired_button"
    text = _("This button is too old. Ask anew: /help shows what I can do.")


def token_for(user: User, action: str, subject: str, version: str = "") -> str:
    """Return the token that lets this user do this to this version of the object; the same one every time."""
    token, is_new = CallbackToken.objects.get_or_create(user=user, action=action, subject=subject, version=version)
    if not is_new:
        _renew(token)
    return token.token


def _renew(*tokens: CallbackToken) -> None:
    """Let the month of buttons that are shown again begin anew."""
    now = clock.now()
    old = [token.pk for token in tokens if token.created_at < now - RENEWED_AFTER]
    if old:
        CallbackToken.objects.filter(pk__in=old).update(created_at=now)


def tokens_for(user: User, action: str, meanings: Sequence[tuple[str, str]]) -> list[str]:
    """Return the tokens of one action on several objects (subject, version), in their order. Three queries at most."""
    if not meanings:
        return []
    wanted = [CallbackToken(user=user, action=action, subject=one, version=version) for one, version in meanings]
    CallbackToken.objects.bulk_create(wanted, ignore_conflicts=True)
    made = CallbackToken.objects.filter(user=user, action=action, subject__in={one for one, _version in meanings})
    known = {(token.subject, token.version): token for token in made}
    _renew(*(known[meaning] for meaning in meanings))
    return [known[meaning].token for meaning in meanings]


def require_recent(button: CallbackToken, *, within: timedelta, now: datetime) -> None:
    """
    Stop here when the button was shown too long ago.

    :raises StaleButton: it was.
    """
    if now - button.created_at > within:
        raise StaleButton


def resolve(token: str, user: User, *, now: datetime) -> CallbackToken:
    """
    Return what a pressed button means.

    :raises NotYourButton: no such token, or not this user's. Which of them is not told.
    :raises ExpiredButton: it was last shown more than a month ago.
    """
    found = CallbackToken.objects.filter(token=token, user=user).first() if len(token) <= LONGEST_TOKEN else None
    if found is None:
        raise NotYourButton
    if found.created_at < now - LIFE:
        raise ExpiredButton
    return found
