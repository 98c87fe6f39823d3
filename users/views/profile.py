"""
One's own page: how the console looks, second factors, password, sessions.

A stack of cards, each a component of its own (`templates/components/profile_*.html`).
"""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from trading.lib import clock, http
from users import access, operations
from users.access import console
from users.forms import ChangePasswordForm, ConsoleForm, PreferencesForm, RenewCodesForm
from users.operations import NewPassword
from users.operations.sessions import NoSuchSession
from users.operations.signing_in import LockedOut, WrongPassword
from users.queries import filters, passkeys, people, sessions
from users.views.proposing import CODE_REFUSALS, INVALID, THROTTLED, refuse_code

PROFILE = "users/profile.html"


@require_safe
@console("console.view")
def profile(request: HttpRequest) -> HttpResponse:
    """Show the reader's own page."""
    return _show(request)


@require_POST
@console("console.view")
def look(request: HttpRequest) -> HttpResponse:
    """Keep how the console looks; what this browser was switched to gives way to it."""
    actor = access.actor(request)
    form = PreferencesForm(request.POST, user=actor)
    if not form.is_valid():
        return _show(request, look=form, status=INVALID)
    user = operations.set_preferences(actor=actor, preferences=form.preferences(), now=clock.now())
    with override(user.language):
        messages.success(request, _("Kept. Pages look like this from now on."))
    answer = redirect("users:profile")
    answer.delete_cookie(settings.THEME_COOKIE_NAME)
    http.remember_language(answer, user.language)
    return answer


@sensitive_post_parameters()
@require_POST
@console("console.view")
def password(request: HttpRequest) -> HttpResponse:
    """Change the reader's password: the current one, and a fresh one-time code or passkey. Their other sessions end."""
    form = ChangePasswordForm(request.POST)
    status = _change_password(request, form) if form.is_valid() else INVALID
    if status:
        return _show(request, password=form, status=status)
    messages.success(request, _("Your password is changed. All your other sessions have ended."))
    return redirect("users:profile")


def _change_password(request: HttpRequest, form: ChangePasswordForm) -> int:
    """Change it; the answer is the status to show the form with again, or nothing."""
    cleaned = form.cleaned_data
    typed = NewPassword(cleaned["current_password"], cleaned["new_password"], cleaned["otp_token"], cleaned["passkey"])
    try:
        user = operations.change_password(
            actor=access.actor(request),
            typed=typed,
            address=http.client_address(request),
            keep=access.session_pk(request),
            now=clock.now(),
        )
    except ValidationError as error:
        form.add_weaknesses(error)
        return INVALID
    except WrongPassword:
        form.add_error("current_password", _("Current password: this is not it."))
        return INVALID
    except LockedOut as error:
        form.add_error(None, error.sentence)
        return THROTTLED
    except CODE_REFUSALS as error:
        return refuse_code(form, error)
    request.user = user
    update_session_auth_hash(request, user)
    return 0


@sensitive_post_parameters()
@require_POST
@console("console.view")
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make ten new recovery codes and show them, this once."""
    form = RenewCodesForm(request.POST)
    if not form.is_valid():
        return _show(request, codes=form, status=INVALID)
    token, answer = form.cleaned_data["otp_token"], form.cleaned_data["passkey"]
    try:
        codes = operations.renew_recovery_codes(
            actor=access.actor(request), token=token, answer=answer, now=clock.now()
        )
    except CODE_REFUSALS as error:
        return _show(request, codes=form, status=refuse_code(form, error))
    access.renew_key(request)
    return render(request, "users/recovery_codes.html", {"codes": codes, "next": reverse("users:profile")})


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


def _show(request: HttpRequest, *, status: int = 200, **bound: ConsoleForm) -> HttpResponse:
    """The page; `bound` are forms to show again with what is wrong."""
    actor, now = access.actor(request), clock.now()
    forms = {"look": PreferencesForm(user=actor), "password": ChangePasswordForm(), "codes": RenewCodesForm()}
    context = {
        "room": "profile",
        "forms": {**forms, **bound},
        "devices": people.devices(actor),
        "passkeys": passkeys.of_user(actor),
        "sessions": sessions.of_user(actor, at=now),
        "current": access.session_pk(request),
        "links": people.links(actor),
        "filters": filters.of_user(actor),
    }
    return render(request, PROFILE, context, status=status)
