"""One's own page: how the console looks, second factors, sessions. A stack of cards, each a component of its own."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from trading.lib import clock
from users import access, operations
from users.access import console
from users.models import User
from users.operations.sessions import NoSuchSession
from users.queries import people, sessions

PROFILE = "users/profile.html"


@require_safe
@console("console.view")
def profile(request: HttpRequest) -> HttpResponse:
    """Show the reader's own page."""
    return _show(request, access.actor(request))


@require_POST
@console("console.view")
def session_ending(request: HttpRequest, name: str) -> HttpResponse:
    """End one of the reader's own sessions; their present one is a sign-out."""
    try:
        operations.end_own_session(actor=access.actor(request), name=name, now=clock.now())
    except NoSuchSession as error:
        messages.warning(request, error.sentence)
    else:
        messages.success(request, _("The session has ended."))
    return redirect("users:profile")


@require_POST
@console("console.view")
def other_sessions_ending(request: HttpRequest) -> HttpResponse:
    """End all of the reader's sessions but this one."""
    operations.end_other_sessions(actor=access.actor(request), keep=access.session_pk(request), now=clock.now())
    messages.success(request, _("All your other sessions have ended."))
    return redirect("users:profile")


def _show(request: HttpRequest, actor: User) -> HttpResponse:
    now = clock.now()
    context = {
        "room": "profile",
        "devices": people.devices(actor),
        "sessions": sessions.of_user(actor, at=now),
        "current": access.session_pk(request),
    }
    return render(request, PROFILE, context)
