"""
The console's door: who is let into a view.

`@console("rfq.view")` lets in a person of the desk with a verified second factor, a live session and
the capability; everyone else is turned away. It also keeps the page out of every cache.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, TypeGuard
from urllib.parse import urlencode

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from trading.lib import browsers, clock, http
from users import capabilities
from users.models import Passkey, RecoveryDevice, User
from users.models.sessions import IDLE, LONGEST, hashed
from users.queries import passkeys
from users.sessions import ADDRESS, BEGAN, BROWSER, SEEN

PASSKEYS = "passkeys"
WRITTEN_EVERY = timedelta(minutes=1)

type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def console[**P](capability: str, *, before_passkey: bool = False) -> Callable[[View[P]], View[P]]:
    """
    Let a view be reached only by verified people of the desk who have the capability.

    :param before_passkey: open, too, to whoever needs a passkey and did not sign in with one (`is_held_up`).
    :raises MissingCapability: signed in, but no role of theirs allows it.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            user = let_in(request)
            if user is None:
                return seal_off(turn_away(request))
            if not before_passkey and is_held_up(user):
                return seal_off(to_passkeys(request))
            capabilities.require(user, capability)
            return seal_off(view(request, *args, **kwargs))

        guarded.console_capability = capability  # type: ignore[attr-defined]
        return guarded

    return decorate


def note_passkeys(request: HttpRequest, user: User) -> None:
    """Remember in the session whether pages offer "Use a passkey" beside the one-time code."""
    request.session[PASSKEYS] = passkeys.has_any(user)


def renew_key(request: HttpRequest) -> None:
    """Give the session a new key after somebody proved afresh who they are."""
    request.session.cycle_key()


def session_pk(request: HttpRequest) -> str:
    """The primary key of the session that a request came in."""
    return hashed(request.session.session_key or "")


def actor(request: HttpRequest) -> User:
    """The person a guarded view acts for."""
    if not is_verified(request.user):
        message = "only views behind @console have an actor"
        raise TypeError(message)
    return request.user


def is_verified(user: object) -> TypeGuard[User]:
    """Whether this is a user whose second factor was verified in this session."""
    return isinstance(user, User) and getattr(user, "otp_device", None) is not None


def is_held_up(user: User) -> bool:
    """
    Whether a role of theirs takes a passkey and this session was opened without: all it is for is adding one.

    It costs nothing: capabilities are read with it.
    """
    return not isinstance(getattr(user, "otp_device", None), Passkey) and capabilities.takes_passkey(user)


def opened_with_recovery(user: User) -> bool:
    """Whether a recovery code opened the session."""
    return isinstance(getattr(user, "otp_device", None), RecoveryDevice)


def begin_session(request: HttpRequest, now: datetime) -> None:
    """Start the clocks of a session in which a factor was just given, and note where it is."""
    request.session[BEGAN] = request.session[SEEN] = now.timestamp()
    request.session[ADDRESS] = http.client_address(request)
    request.session[BROWSER] = browsers.short_name(request.headers.get("User-Agent", ""))


def seal_off[R: HttpResponseBase](response: R) -> R:
    """Keep a signed-in page out of caches, and a fragment apart from its page."""
    response.headers["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    return response


def turn_away(request: HttpRequest) -> HttpResponse:
    """Send to the sign-in, and back here afterwards; a script gets the answer it understands."""
    wanted = http.url_with(request) if request.method == "GET" else "/"
    sign_in = f"{reverse('users:sign-in')}?{urlencode({'next': wanted})}"
    if not http.is_script(request):
        return redirect(sign_in)
    if request.method == "GET":
        return http.redirect_script(sign_in)
    return HttpResponse(status=401)


def to_passkeys(request: HttpRequest) -> HttpResponse:
    """Send somebody who is held up to where a passkey is added."""
    there = reverse("users:passkeys")
    return http.redirect_script(there) if http.is_script(request) else redirect(there)


def let_in(request: HttpRequest) -> User | None:
    """The verified person of the desk whose session lives; a session that is over is ended."""
    user = request.user
    if not is_verified(user):
        return None
    if not user.is_staff or not _keep_alive(request):
        logout(request)
        return None
    return user


def _keep_alive(request: HttpRequest) -> bool:
    """Say whether the session lives, and note that its owner is there (polling does not count)."""
    now = clock.now().timestamp()
    began, seen = request.session.get(BEGAN, 0), request.session.get(SEEN, 0)
    if now - began > LONGEST.total_seconds() or now - seen > IDLE.total_seconds():
        return False
    if not http.is_poll(request) and now - seen > WRITTEN_EVERY.total_seconds():
        request.session[SEEN] = now
    return True
