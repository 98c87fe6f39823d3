"""
What buttons mean. A button carries a random token; everything else stays here.

A token is bound to one user, one action, one object and its version, so a copied, forged or stale
button does nothing but say so.
"""

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden
from users.models import CallbackToken, User

LONGEST_TOKEN = 32


class NotYourButton(Forbidden):
    """The token is somebody else's, or none at all."""

    code = "not_your_button"
    text = _("This button does not work here. Ask for a new card.")


class StaleButton(Conflict):
    """What the button stood for has changed since it was shown."""

    code = "stale_button"
    text = _("This has changed meanwhile. Look at the card as it is now.")


def token_for(user: User, action: str, subject: str, version: str = "") -> str:
    """Return the token that lets this user do this to this version of the object; the same one every time."""
    token, _made = CallbackToken.objects.get_or_create(user=user, action=action, subject=subject, version=version)
    return token.token


def resolve(token: str, user: User) -> CallbackToken:
    """
    Return what a pressed button means.

    :raises NotYourButton: no such token, or not this user's. Which of them is not told.
    """
    found = CallbackToken.objects.filter(token=token, user=user).first() if len(token) <= LONGEST_TOKEN else None
    if found is None:
        raise NotYourButton
    return found
