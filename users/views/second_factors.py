"""Which second factor a role takes: its versions, and proposing another."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from users import access
from users.access import console
from users.forms import FactorForm
from users.models import SecondFactorPolicy, User
from users.queries import approvals
from users.queries import passkeys as queries
from users.views import proposing

CHANGE = "second_factor.change"


@require_safe
@console("policy.view")
def second_factor(request: HttpRequest, role: str) -> HttpResponse:
    """Show what a role takes, its versions, and the form to propose the other."""
    return _show(request, role)


@sensitive_post_parameters("otp_token", "passkey")
@require_POST
@console("policy.view")
def proposal(request: HttpRequest, role: str) -> HttpResponse:
    """
    Propose the other second factor.

    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    form = _form(queries.versions(role)[0], actor, request.POST)
    asked = proposing.propose(form, act=CHANGE, subject_ref=role, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show(request, role, form=form, status=asked.status)


def _show(request: HttpRequest, role: str, *, form: FactorForm | None = None, status: int = 200) -> HttpResponse:
    actor, versions = access.actor(request), queries.versions(role)
    if form is None and CHANGE in approvals.may_propose(actor, [CHANGE]):
        form = _form(versions[0], actor)
    context = {
        "room": "policies",
        "policy": versions[0],
        "versions": versions,
        "requests": approvals.open_about(role, act=CHANGE),
        "form": form,
    }
    return render(request, "users/second_factor.html", context, status=status)


def _form(policy: SecondFactorPolicy, actor: User, data: QueryDict | None = None) -> FactorForm:
    return FactorForm(data, policy=policy, candidates=proposing.candidates(CHANGE, policy.role, actor))
