"""How each act is decided, its earlier versions, and proposing other terms."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from users import access, acts
from users.access import console
from users.forms import PolicyForm
from users.models import ApprovalPolicy, User
from users.queries import approvals as queries
from users.queries import passkeys
from users.views import proposing

CHANGE = "policy.change"


@require_safe
@console("policy.view")
def policies(request: HttpRequest) -> HttpResponse:
    """List the acts two people decide and the terms of each, and what each role takes as second factor."""
    context = {"room": "policies", "policies": queries.policies(), "factors": passkeys.second_factors()}
    return render(request, "users/policies.html", context)


@require_safe
@console("policy.view")
def policy(request: HttpRequest, act: str) -> HttpResponse:
    """Show the terms of one act, its versions, and the form to propose others."""
    return _show(request, act)


@sensitive_post_parameters("otp_token")
@require_POST
@console("policy.view")
def proposal(request: HttpRequest, act: str) -> HttpResponse:
    """
    Propose other terms.

    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    form = _form(queries.versions(act)[0], actor, request.POST)
    asked = proposing.propose(form, act=CHANGE, subject_ref=act, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show(request, act, form=form, status=asked.status)


def _show(request: HttpRequest, act: str, *, form: PolicyForm | None = None, status: int = 200) -> HttpResponse:
    actor, versions = access.actor(request), queries.versions(act)
    if form is None and CHANGE in queries.may_propose(actor, [CHANGE]):
        form = _form(versions[0], actor)
    context = {
        "room": "policies",
        "act": act,
        "title": acts.act_of(act).title,
        "policy": versions[0],
        "versions": versions,
        "requests": queries.open_about(act, act=CHANGE),
        "form": form,
    }
    return render(request, "users/policy.html", context, status=status)


def _form(policy: ApprovalPolicy, actor: User, data: QueryDict | None = None) -> PolicyForm:
    return PolicyForm(data, policy=policy, candidates=proposing.candidates(CHANGE, policy.act, actor))
