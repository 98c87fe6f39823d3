"""The rules: their terms, every version, proposing others, and silencing a whole type."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from alerting import alert_queries as queries
from alerting import alert_words, handling
from alerting import rules as terms
from alerting.defaults import DEFAULTS
from alerting.forms import RuleForm, SilenceForm
from alerting.models import AlertRule
from alerting.own_acts.rules import THRESHOLDS
from trading.lib import clock
from users import access, capabilities
from users.access import console
from users.models import User
from users.queries import approvals
from users.views import proposing
from users.views.attempting import attempt

CHANGE = "alert_rule.change"


@require_safe
@console("alert.view")
def rules(request: HttpRequest) -> HttpResponse:
    """List every rule with its terms in force."""
    known = terms.current()
    rows = [(known[name], alert_words.title(name), _thresholds(known[name])) for name in DEFAULTS if name in known]
    return render(request, "alerting/rules.html", {"room": "alerts", "rows": rows})


@require_safe
@console("alert.view")
def rule(request: HttpRequest, kind: str) -> HttpResponse:
    """Show one rule: its versions, what it has firing, and the forms."""
    return _show(request, kind)


@sensitive_post_parameters("otp_token", "passkey")
@require_POST
@console("alert.view")
def proposal(request: HttpRequest, kind: str) -> HttpResponse:
    """
    Propose other terms.

    :raises Forbidden: the actor may not propose it.
    :raises NotFound: there is no such rule.
    """
    actor = access.actor(request)
    form = _form(queries.versions(kind)[0], actor, request.POST)
    asked = proposing.propose(form, act=CHANGE, subject_ref=kind, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show(request, kind, form=form, status=asked.status)


@require_POST
@console("alert.handle")
def silence(request: HttpRequest, kind: str) -> HttpResponse:
    """Silence every alert of the type."""
    actor, now = access.actor(request), clock.now()
    form = SilenceForm(request.POST, severity=queries.versions(kind)[0].severity, reader=actor, now=now)
    status = attempt(
        form,
        lambda: handling.silence(
            kind=kind,
            minutes=form.cleaned_data["minutes"],
            reason=form.cleaned_data["reason"],
            actor=actor,
            now=now,
        ),
    )
    if status is not None:
        return _show(request, kind, quiet=form, status=status)
    messages.success(request, _("Nobody is told of these alerts until the silence ends."))
    return redirect("alerting:silences")


def _show(
    request: HttpRequest,
    kind: str,
    *,
    form: RuleForm | None = None,
    quiet: SilenceForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor, versions, now = access.actor(request), queries.versions(kind), clock.now()
    if form is None and CHANGE in approvals.may_propose(actor, [CHANGE]):
        form = _form(versions[0], actor)
    if quiet is None and capabilities.holds(actor, handling.HANDLE):
        quiet = SilenceForm(severity=versions[0].severity, reader=actor, now=now)
    context = {
        "room": "alerts",
        "kind": kind,
        "title": alert_words.title(kind),
        "versions": [(version, _thresholds(version)) for version in versions],
        "requests": approvals.open_about(kind, act=CHANGE),
        "live": [one for one in queries.firing(reader=actor) if one.type == kind],
        "form": form,
        "quiet": quiet,
    }
    return render(request, "alerting/rule.html", context, status=status)


def _form(rule: AlertRule, actor: User, data: QueryDict | None = None) -> RuleForm:
    return RuleForm(data, rule=rule, candidates=proposing.candidates(CHANGE, rule.type, actor))


def _thresholds(rule: AlertRule) -> list[tuple[str, int]]:
    return [(str(THRESHOLDS[name]), value) for name, value in rule.thresholds.items()]
