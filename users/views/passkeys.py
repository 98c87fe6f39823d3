"""
The reader's own passkeys: the list, adding, renaming, removing; and the challenges that pages' scripts ask for.

Adding takes a fresh proof first, then what the browser makes: the second step is good only with the challenge
that the first one gave.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import django_otp
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_otp.models import Device

from trading.lib import clock
from trading.lib.errors import NotFound
from users import access, operations
from users.access import console
from users.forms import AddPasskeyForm, NewPasskeyForm, RemovePasskeyForm, RenamePasskeyForm
from users.models import Passkey
from users.operations import profile
from users.operations.passkeys import LastPasskey, NoPasskey
from users.queries import confirmed_totp
from users.queries import passkeys as queries
from users.views.proposing import CODE_REFUSALS, CONFLICT, INVALID, PASSKEY_REFUSALS, refuse_code, scope_of

SCOPES = re.compile(
    rf"decide:[0-9a-f]{{64}}|passkeys:(?:add|remove-[0-9]{{1,18}})|{profile.PASSWORD}|{profile.RECOVERY}"
)
ADDING = "passkeys:add"


@sensitive_post_parameters("otp_token", "passkey")
@require_http_methods(["GET", "HEAD", "POST"])
@console("console.view", before_passkey=True)
def passkeys(request: HttpRequest) -> HttpResponse:
    """List them; take the name of a new one with a fresh proof, and have the browser make it."""
    form = AddPasskeyForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        access.note_passkeys(request, access.actor(request))
        return _list(request, form)
    if not form.is_valid():
        return _list(request, form, status=INVALID)
    token, answer = form.cleaned_data["otp_token"], form.cleaned_data["passkey"]
    actor = access.actor(request)
    try:
        options = operations.begin_passkey(
            user=actor,
            scope=ADDING,
            token=token,
            answer=answer,
            recovered=access.opened_with_recovery(actor),
            now=clock.now(),
        )
    except CODE_REFUSALS as error:
        return _list(request, form, status=refuse_code(form, error))
    access.renew_key(request)
    return _show_making(request, form.cleaned_data["name"], options)


@sensitive_post_parameters("passkey")
@require_POST
@console("console.view", before_passkey=True)
def new(request: HttpRequest) -> HttpResponse:
    """Keep what the browser made."""
    form = NewPasskeyForm(request.POST)
    actor = access.actor(request)
    if not form.is_valid():
        messages.warning(request, _("Your browser made no passkey. Start again."))
        return redirect("users:passkeys")
    answer, name = form.cleaned_data["passkey"], form.cleaned_data["name"]
    try:
        passkey = operations.add_passkey(user=actor, answer=answer, name=name, now=clock.now())
    except PASSKEY_REFUSALS as error:
        messages.warning(request, error.sentence)
    else:
        if access.is_held_up(actor):
            _go_on_with(request, passkey)
        messages.success(request, _("The passkey is added. Use it beside your password, and to decide."))
        access.note_passkeys(request, actor)
    return redirect("users:passkeys")


def _go_on_with(request: HttpRequest, passkey: Passkey) -> None:
    """Whoever was held up has just shown themselves to the new passkey: the session goes on under it."""
    access.renew_key(request)
    django_otp.login(request, passkey)


@require_POST
@console("console.view", before_passkey=True)
def challenge(request: HttpRequest) -> HttpResponse:
    """
    Give a page's script a challenge for one purpose: a fixed one, or what a form proposes (`passkey_for` its page).

    :raises NotFound: nobody proves anything for such a purpose.
    :raises NoPasskey: the reader has none.
    """
    scope = request.POST.get("scope", "")
    if path := request.POST.get("passkey_for"):
        scope = scope_of(request.POST, path=path)
    elif not SCOPES.fullmatch(scope):
        raise NotFound
    return JsonResponse(operations.begin_proof(user=access.actor(request), scope=scope, now=clock.now()))


@require_POST
@console("console.view")
def rename(request: HttpRequest, pk: int) -> HttpResponse:
    """
    Call one something else.

    :raises NoPasskey: the reader has no such one.
    """
    form = RenamePasskeyForm(request.POST)
    if form.is_valid():
        operations.rename_passkey(actor=access.actor(request), pk=pk, name=form.cleaned_data["name"], now=clock.now())
        messages.success(request, _("The passkey has its new name."))
    else:
        messages.warning(request, _("Name: enter one."))
    return redirect("users:passkeys")


@sensitive_post_parameters("otp_token", "passkey")
@require_http_methods(["GET", "HEAD", "POST"])
@console("console.view")
def removal(request: HttpRequest, pk: int) -> HttpResponse:
    """
    Ask for a fresh proof, and take one away. The session goes on, under what was proved with.

    :raises NoPasskey: the reader has no such one.
    """
    actor, scope = access.actor(request), f"passkeys:remove-{pk}"
    one = next((passkey for passkey in queries.of_user(actor) if passkey.pk == pk), None)
    if one is None:
        raise NoPasskey
    form = RemovePasskeyForm(request.POST if request.method == "POST" else None)
    status = INVALID if form.is_bound else 200
    if form.is_valid():
        token, answer = form.cleaned_data["otp_token"], form.cleaned_data["passkey"]
        try:
            device = operations.remove_passkey(
                actor=actor, pk=pk, scope=scope, token=token, answer=answer, now=clock.now()
            )
        except CODE_REFUSALS as error:
            status = refuse_code(form, error)
        except LastPasskey as error:
            form.add_error(None, error.sentence)
            status = CONFLICT
        else:
            return _removed(request, device)
    context = {"room": "profile", "passkey": one, "form": form, "scope": scope}
    return render(request, "users/passkey_removal.html", context, status=status)


def _removed(request: HttpRequest, device: Device) -> HttpResponse:
    """Let the session go on: under what was just proved with or, where that is what was removed, under the app."""
    actor = access.actor(request)
    removed = isinstance(device, Passkey) and device not in queries.of_user(actor)
    access.renew_key(request)
    django_otp.login(request, confirmed_totp(actor) if removed else device)
    access.note_passkeys(request, actor)
    messages.success(request, _("The passkey is removed. Nobody can use it here any more."))
    return redirect("users:passkeys")


def _show_making(request: HttpRequest, name: str, options: Mapping[str, Any]) -> HttpResponse:
    form = NewPasskeyForm()
    form.initial["name"] = name
    context = {"room": "profile", "form": form, "name": name, "options": json.dumps(options)}
    return render(request, "users/passkey_new.html", context)


def _list(request: HttpRequest, form: AddPasskeyForm, *, status: int = 200) -> HttpResponse:
    actor = access.actor(request)
    found, held_up = queries.of_user(actor), access.is_held_up(actor)
    context = {
        "room": "profile",
        "passkeys": found,
        "form": form,
        "scope": ADDING,
        "must_add": held_up and not found,
        "must_return": held_up and bool(found),
        "recovered": access.opened_with_recovery(actor),
    }
    return render(request, "users/passkeys.html", context, status=status)
