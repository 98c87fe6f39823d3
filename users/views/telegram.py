"""Telegram accounts at the console: a token that links one, shown once, and cutting one off."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trading.lib import clock
from trading.lib.errors import Conflict
from users import access, operations
from users.access import console
from users.errors import NotActive
from users.forms import ReasonForm
from users.models import User
from users.queries import people
from users.views.attempting import attempt


@require_POST
@console("user.view")
def link_token(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Make a token for a login and show it, this once.

    :raises Forbidden: it is somebody else's, and the reader may not.
    """
    return _show_token(request, people.detail(ref, reader=access.actor(request)).user)


@require_POST
@console("console.view")
def own_link_token(request: HttpRequest) -> HttpResponse:
    """Make a token for the reader and show it, this once."""
    return _show_token(request, access.actor(request))


@console("telegram.end")
def ending(request: HttpRequest, ref: str) -> HttpResponse:
    """Ask for a reason, and cut a login's account off at once."""
    actor = access.actor(request)
    detail = people.detail(ref, reader=actor)
    form = ReasonForm(request.POST if request.method == "POST" else None, scope="telegram")
    status = attempt(
        form,
        lambda: operations.end_link(user=detail.user, actor=actor, reason=form.cleaned_data["reason"], now=clock.now()),
    )
    if status is None:
        messages.success(request, _("The Telegram account is cut off."))
        return redirect("users:user", ref)
    context = {"room": "users", "subject": detail.user, "link": detail.link, "form": form}
    return render(request, "users/telegram_ending.html", context, status=status)


@require_POST
@console("console.view")
def own_ending(request: HttpRequest) -> HttpResponse:
    """Cut the reader's own account off."""
    actor = access.actor(request)
    try:
        operations.end_link(user=actor, actor=actor, reason="", now=clock.now())
    except Conflict as error:
        messages.warning(request, error.sentence)
    else:
        messages.success(request, _("The Telegram account is cut off."))
    return redirect("users:profile")


def _show_token(request: HttpRequest, subject: User) -> HttpResponse:
    actor = access.actor(request)
    back = "users:profile" if subject.pk == actor.pk else "users:user"
    arguments = [] if subject.pk == actor.pk else [subject.ref]
    try:
        token = operations.make_link_token(user=subject, actor=actor, now=clock.now())
    except (Conflict, NotActive) as error:
        messages.warning(request, error.sentence)
        return redirect(back, *arguments)
    name = settings.TELEGRAM_BOT_NAME
    context = {
        "room": "users",
        "subject": subject,
        "token": token,
        "link": f"https://t.me/{name}?start={token.text}" if name else "",
        "back": back,
    }
    return render(request, "users/telegram_token.html", context)
