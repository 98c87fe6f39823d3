"""The console's door: password, then a one-time code; enrolment for whoever has no authenticator yet."""

import base64
from collections.abc import Callable
from functools import wraps
from itertools import groupby
from math import ceil
from urllib.parse import quote, urlencode

import django_otp
import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from trading.lib import clock
from trading.lib.errors import DeskError
from users import access, operations, queries
from users.forms import ConsoleForm, PasswordForm, RecoveryForm, SecondFactorForm, TokenForm
from users.models import User
from users.operations.passkeys import SIGN_IN
from users.operations.signing_in import LockedOut, WrongPassword
from users.queries import passkeys, people
from users.sessions import ADDRESS, BROWSER

NEXT = "sign_in_next"
INVALID, THROTTLED = 422, 429

type View = Callable[[HttpRequest], HttpResponse]
type StepView = Callable[[HttpRequest, User], HttpResponse]


def _gate(view: View) -> View:
    """Mark a page of the sign-in: never cached, secrets kept out of error reports."""

    @wraps(view)
    def sealed(request: HttpRequest) -> HttpResponse:
        return access.seal_off(view(request))

    return sensitive_post_parameters()(csrf_protect(sealed))


def _second_step(view: StepView) -> View:
    """Open a page only between the password and the second factor."""

    @wraps(view)
    def stepped(request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return redirect("users:sign-in")
        if access.is_verified(user):
            return redirect(_destination(request))
        return view(request, user)

    return _gate(stepped)


@_gate
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for username and password."""
    if request.method != "POST":
        return _go_on(request) if request.user.is_authenticated else _show_sign_in(request, PasswordForm())
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return _show_sign_in(request, form)
    try:
        user = authenticate(request, **form.cleaned_data)
    except LockedOut as error:
        return _refuse_for_now(request, form, error)
    if not isinstance(user, User):
        form.add_error(None, WrongPassword().sentence)
        return _show_sign_in(request, form)
    if not user.is_staff:
        form.add_error(None, _("The console is for the desk's own people. Clients and LPs use the Telegram bot."))
        return _show_sign_in(request, form)
    destination = _safe_next(request, request.POST.get("next", ""))
    login(request, user)
    access.begin_session(request, clock.now())
    request.session[NEXT] = destination
    return _go_on(request)


@_second_step
@require_http_methods(["GET", "HEAD", "POST"])
def one_time_code(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for a code of the authenticator, or a passkey."""
    if queries.confirmed_totp(user) is None:
        return redirect("users:enrolment")
    only = passkeys.takes_no_code(user)
    form = SecondFactorForm(request.POST if request.method == "POST" else None, no_code=only)
    if form.is_valid():
        token, answer = form.cleaned_data["otp_token"], form.cleaned_data["passkey"]
        try:
            device = operations.prove_afresh(user=user, scope=SIGN_IN, token=token, answer=answer, now=clock.now())
        except DeskError as error:
            form.add_error(None if answer or only else "otp_token", error.sentence)
        else:
            return _let_in(request, user, device)
    offered = only or passkeys.has_any(user)
    return _show(request, "users/otp.html", form, passkeys=offered, no_code=only, scope=SIGN_IN)


@_second_step
@require_POST
def passkey_challenge(_request: HttpRequest, user: User) -> HttpResponse:
    """
    Give the page's script a challenge for one of the user's passkeys.

    :raises NoPasskey: they have none.
    """
    return JsonResponse(operations.begin_proof(user=user, scope=SIGN_IN, now=clock.now()))


@_second_step
@require_http_methods(["GET", "HEAD", "POST"])
def recovery(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for a recovery code instead."""
    if queries.confirmed_totp(user) is None:
        return redirect("users:enrolment")
    form = RecoveryForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            device = operations.use_recovery_code(user=user, code=form.cleaned_data["recovery_code"], now=clock.now())
        except DeskError as error:
            form.add_error("recovery_code", error.sentence)
        else:
            _warn_of_recovery(request, user)
            return _let_in(request, user, device)
    return _show(request, "users/recovery.html", form)


@_second_step
@require_http_methods(["GET", "HEAD", "POST"])
def enrolment(request: HttpRequest, user: User) -> HttpResponse:
    """Show the secret as a QR code and as text; a right code confirms it and shows the recovery codes, once."""
    if queries.confirmed_totp(user) is not None:
        return redirect("users:otp")
    device = operations.start_enrolment(user=user, now=clock.now())
    form = TokenForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        token = form.cleaned_data["otp_token"]
        try:
            codes = operations.confirm_enrolment(device=device, token=token, now=clock.now())
        except DeskError as error:
            form.add_error("otp_token", error.sentence)
        else:
            destination = _destination(request)
            _let_in(request, user, device)
            return render(request, "users/recovery_codes.html", {"codes": codes, "next": destination})
    secret = base64.b32encode(device.key).decode()
    return _show(request, "users/enrolment.html", form, qr=_qr(_key_uri(user, secret)), secret=_in_fours(secret))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, and have the browser forget what it kept of it."""
    logout(request)
    answer = access.seal_off(redirect("users:sign-in"))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # the cookies that are left say language and theme
    return answer


def _show_sign_in(request: HttpRequest, form: PasswordForm) -> HttpResponse:
    wanted = request.POST.get("next", "") or request.GET.get("next", "")
    return _show(request, "users/sign_in.html", form, next=_safe_next(request, wanted))


def _refuse_for_now(request: HttpRequest, form: PasswordForm, error: LockedOut) -> HttpResponse:
    """Say when the lock-out ends, to people and to programs."""
    form.add_error(None, error.sentence)
    answer = _show_sign_in(request, form)
    answer.status_code = THROTTLED
    answer.headers["Retry-After"] = str(max(1, ceil((error.until - clock.now()).total_seconds())))
    return answer


def _show(request: HttpRequest, template: str, form: ConsoleForm, **context: object) -> HttpResponse:
    status = INVALID if form.is_bound else 200
    return render(request, template, {"form": form, **context}, status=status)


def _go_on(request: HttpRequest) -> HttpResponse:
    """Send whoever has given the password to the next step."""
    user = request.user
    if not isinstance(user, User):
        return redirect("users:sign-in")
    if NEXT not in request.session and "next" in request.GET:
        request.session[NEXT] = _safe_next(request, request.GET["next"])
    if access.is_verified(user):
        return redirect(_destination(request))
    return redirect("users:otp" if queries.confirmed_totp(user) else "users:enrolment")


def _let_in(request: HttpRequest, user: User, device: object) -> HttpResponse:
    """Verify the session, under a new key, and go where the person wanted to."""
    destination, now = _destination(request), clock.now()
    request.session.cycle_key()
    django_otp.login(request, device)
    access.begin_session(request, now)
    access.note_passkeys(request, user)
    operations.record_sign_in(
        user=user,
        method=type(device).__name__.lower(),
        address=request.session[ADDRESS],
        browser=request.session[BROWSER],
        now=now,
    )
    request.session.pop(NEXT, None)
    return redirect(destination)


def _warn_of_recovery(request: HttpRequest, user: User) -> None:
    """Say on the next page that a code is spent: whoever did not spend it must learn of it, too."""
    left = people.devices(user).recovery_codes
    text = ngettext(
        "You signed in with a recovery code; %(left)s is left. Make new ones in your profile.",
        "You signed in with a recovery code; %(left)s are left. Make new ones in your profile.",
        left,
    )
    messages.warning(request, text % {"left": left})


def _destination(request: HttpRequest) -> str:
    return _safe_next(request, request.session.get(NEXT, "")) or reverse("dashboard")


def _safe_next(request: HttpRequest, url: str) -> str:
    """Let through only addresses of this console."""
    safe = url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return url if safe else ""


def _key_uri(user: User, secret: str) -> str:
    """Name the secret for authenticator apps (the otpauth "Key URI Format")."""
    issuer = settings.OTP_TOTP_ISSUER
    label = quote(f"{issuer}:{user.username}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer})}"


def _qr(text: str) -> dict[str, object]:
    """Draw a QR code as the path of one SVG shape: a bar for each run of dark squares."""
    rows = segno.make(text, error="m", micro=False).matrix
    bars = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                bars.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return {"size": len(rows), "path": "".join(bars)}


def _in_fours(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
