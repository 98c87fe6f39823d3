"""
Who may use the REST interface.

One function answers for every kind of credential. So far there is one: the console's session, with
its second factor verified, and Django's token against forged requests on everything that writes.
"""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja.utils import check_csrf

from trading.lib.errors import Forbidden
from users import access
from users.models import User


class NotSignedIn(Forbidden):
    """No session, no second factor, or its time is over: HTTP 401."""

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


def authenticate(request: HttpRequest) -> User:
    """
    The person a request speaks for.

    :raises NotSignedIn: nobody, or without a verified second factor.
    :raises NotOfTheDesk: not a person of the desk.
    :raises ForgedRequest: it would write, and does not show the session's token.
    """
    user = request.user
    if not access.is_verified(user):
        raise NotSignedIn
    if not user.is_staff:
        raise NotOfTheDesk
    if access.let_in(request) is None:
        raise NotSignedIn
    if check_csrf(request) is not None:
        raise ForgedRequest
    return user
