"""The flag's page: what it is, off at once, on by two people. Never a bare toggle."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from settlement import autosettle, operations, queries
from settlement.forms import FlagOnForm
from trading.lib import clock
from trading.lib.errors import NotFound
from users import access, acts, capabilities
from users.access import console
from users.forms import ReasonForm
from users.models import User
from users.queries import approvals, events_named
from users.views import proposing

INVALID = 422
FLAG_ON = "flag.on"


@require_safe
@console("flag.view")
def flags(request: HttpRequest) -> HttpResponse:
    """Show the flag: what it is, who changed it last, what is proposed, how to change it."""
    return _show_flags(request)


@require_POST
@console("flag.off")
def flag_off(request: HttpRequest, name: str) -> HttpResponse:
    """Turn the flag off at once: it reduces risk, so one person may."""
    _require_flag(name)
    form = ReasonForm(request.POST, scope="off")
    if not form.is_valid():
        return _show_flags(request, off_form=form, status=INVALID)
    operations.turn_flag_off(actor=access.actor(request), reason=form.cleaned_data["reason"], now=clock.now())
    messages.success(request, _("Automatic settlement is off."))
    return redirect("settlement:flags")


@sensitive_post_parameters("otp_token")
@require_POST
@console("flag.view")
def flag_proposal(request: HttpRequest, name: str) -> HttpResponse:
    """
    Propose to turn the flag on.

    :raises Forbidden: the actor may not propose it.
    """
    _require_flag(name)
    actor = access.actor(request)
    form = _on_form(actor, request.POST)
    asked = proposing.propose(form, act=FLAG_ON, subject_ref=name, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show_flags(request, on_form=form, status=asked.status)


def _show_flags(
    request: HttpRequest,
    *,
    off_form: ReasonForm | None = None,
    on_form: FlagOnForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor, flag = access.actor(request), queries.flag()
    if flag.is_on and off_form is None and capabilities.holds(actor, "flag.off"):
        off_form = ReasonForm(scope="off")
    if not flag.is_on and on_form is None and FLAG_ON in approvals.may_propose(actor, [FLAG_ON]):
        on_form = _on_form(actor)
    context = {
        "room": "flags",
        "flag": flag,
        "changes": events_named(["flag.turned_on", "flag.turned_off"]),
        "requests": approvals.open_about(flag.name, act=FLAG_ON),
        "off_form": off_form,
        "on_form": on_form,
        "lines": acts.act_of(FLAG_ON).describe(flag.name, {}) if on_form else [],
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "settlement/flags.html", context, status=status)


def _on_form(actor: User, data: QueryDict | None = None) -> FlagOnForm:
    people = proposing.candidates(FLAG_ON, autosettle.FLAG, actor)
    return FlagOnForm(data, candidates=people, typed_name="" if settings.IS_SANDBOX else autosettle.FLAG)


def _require_flag(name: str) -> None:
    if name != autosettle.FLAG:
        raise NotFound
