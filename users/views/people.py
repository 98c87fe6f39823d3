"""The logins: who they are, what was decided about them, and what can be asked for or stopped."""

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from trading.lib import clock, http
from trading.lib.errors import DeskError, NotFound
from users import access, acts, capabilities, operations
from users.access import console
from users.acts import Line
from users.forms import (
    ApproveUserForm,
    CheckForm,
    ConsoleForm,
    GrantRoleForm,
    IssueKeyForm,
    ProposalForm,
    ReasonForm,
    RelinkForm,
    RevocationForm,
    WidenScopeForm,
)
from users.listing import listing
from users.models import Role, User
from users.own_acts.keys import scopes_for
from users.queries import approvals, events_about, keys, passwords, scopes
from users.queries import people as queries
from users.queries.people import Criteria, Detail
from users.views import onboarding, proposing
from users.views.attempting import attempt
from users.views.proposing import INVALID
from users.views.tables import USERS, criteria_of

ACTS: dict[str, tuple[str, ...]] = {
    User.Status.PENDING: ("user.approve", "user.reject"),
    User.Status.REJECTED: ("user.reopen",),
    User.Status.SUSPENDED: ("user.reactivate",),
    User.Status.ACTIVE: ("role.grant", "scope.widen", "key.issue", "telegram.relink", "password.reset", "device.reset"),
}

type Roles = list[Role]


@listing("users:users", lazy("Users"), "status", "q", table=USERS)
@require_safe
@console("user.view")
def users(request: HttpRequest) -> HttpResponse:
    """List the logins of a status, or those a search finds."""
    criteria = criteria_of(request.GET)
    page = queries.page(criteria, reader=access.actor(request))
    context = {
        "room": "users",
        "page": page,
        "criteria": criteria,
        "may_create": capabilities.holds(access.actor(request), "user.create"),
        "tabs": _tabs(request, criteria),
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
    }
    return render(request, "users/list.html", context)


@require_safe
@console("user.view")
def user(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one login: evidence, roles, devices, Telegram account, events, and what may be done."""
    return _show(request, queries.detail(ref, reader=access.actor(request)), chosen=request.GET.get("act", ""))


@sensitive_post_parameters("otp_token")
@require_POST
@console("user.view")
def proposal(request: HttpRequest, ref: str, act: str) -> HttpResponse:
    """
    Propose something about a login.

    :raises NotFound: there is no such act on users.
    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    detail = queries.detail(ref, reader=actor)
    if act not in {name for names in ACTS.values() for name in names}:
        raise NotFound
    form = _form(act, detail, actor, request.POST)
    asked = proposing.propose(form, act=act, subject_ref=ref, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show(request, detail, chosen=act, form=form, status=asked.status)


@require_POST
@console("onboarding.record")
def checks(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Record what was looked at about a login.

    :raises AboutYourself: it is one's own.
    """
    detail = queries.detail(ref, reader=access.actor(request))
    form = onboarding.record(request, detail.user)
    if form is None:
        return redirect("users:user", ref)
    return _show(request, detail, check=form, status=INVALID)


@require_POST
@console("user.suspend")
def suspension(request: HttpRequest, ref: str) -> HttpResponse:
    """Suspend a login at once: it reduces risk, so one person may."""
    detail, form = queries.detail(ref, reader=access.actor(request)), ReasonForm(request.POST, scope="suspend")
    done = _("%(user)s is suspended. All sessions have ended.") % {"user": detail.user.username}
    return _stop(
        request,
        detail,
        form,
        lambda actor: operations.suspend_user(
            user=detail.user, actor=actor, reason=form.cleaned_data["reason"], now=clock.now()
        ),
        done=done,
        shown="suspension",
    )


@require_POST
@console("session.end")
def sessions_ending(request: HttpRequest, ref: str) -> HttpResponse:
    """End all sessions of a login at once: it reduces risk, so one person may."""
    detail = queries.detail(ref, reader=access.actor(request))
    form = ReasonForm(request.POST, scope="sessions")
    return _stop(
        request,
        detail,
        form,
        lambda actor: operations.end_all_sessions(
            user=detail.user, actor=actor, reason=form.cleaned_data["reason"], now=clock.now()
        ),
        done=_("All sessions of %(user)s have ended.") % {"user": detail.user.username},
        shown="ending",
    )


@require_POST
@console("role.revoke")
def role_revocation(request: HttpRequest, ref: str) -> HttpResponse:
    """Take a role away at once: it reduces risk, so one person may."""
    detail = queries.detail(ref, reader=access.actor(request))
    form = RevocationForm(request.POST, held=detail.roles, scope="revoke")
    return _stop(
        request,
        detail,
        form,
        lambda actor: operations.revoke_role(
            user=detail.user,
            role=Role(form.cleaned_data["role"]),
            actor=actor,
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        ),
        done=_("The role is revoked."),
        shown="revocation",
    )


def _stop(
    request: HttpRequest, detail: Detail, form: ReasonForm, act: Callable[[User], object], *, done: str, shown: str
) -> HttpResponse:
    """Do what one person may, or show the page again with what is wrong."""
    actor = access.actor(request)
    status = attempt(form, lambda: act(actor))
    if status is None:
        messages.success(request, done)
        return redirect("users:user", detail.user.ref)
    fresh = queries.detail(detail.user.ref, reader=actor)
    return _show(request, fresh, stops={shown: form}, status=status)


def _show(
    request: HttpRequest,
    detail: Detail,
    *,
    chosen: str = "",
    form: ConsoleForm | None = None,
    stops: Mapping[str, ConsoleForm] | None = None,
    check: CheckForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor, subject = access.actor(request), detail.user
    offered = _offered(detail, actor)
    act = chosen if chosen in offered else (form and chosen) or ""
    if act and form is None:
        form = _form(act, detail, actor)
    context = {
        "room": "users",
        "detail": detail,
        "subject": subject,
        "events": events_about([subject.ref]),
        "requests": approvals.open_about(subject.ref),
        "may_link": not detail.links and subject.is_active and capabilities.holds(actor, "telegram.link"),
        "may_cut_off": detail.link is not None and capabilities.holds(actor, "telegram.end"),
        "served": scopes.served(subject) if subject.is_staff else [],
        "may_narrow": subject.is_staff
        and subject.person_id != actor.person_id
        and capabilities.holds(actor, "scope.narrow"),
        "onboarding": onboarding.card(subject, actor, check),
        "keys": [] if subject.is_staff else [(key, key.state(at=clock.now())) for key in keys.of_user(subject)],
        "may_revoke_keys": capabilities.holds(actor, "key.revoke"),
        "reset": passwords.to_collect(subject, actor, at=clock.now()),
        "actor": actor,
        "offered": [{"act": name, "title": acts.act_of(name).title} for name in offered],
        "act": act,
        "title": acts.act_of(act).title if act else "",
        "form": form,
        "lines": _lines(act, subject.ref) if act else [],
        "stops": {**_stops(detail, actor), **(stops or {})},
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "users/detail.html", context, status=status)


def _stops(detail: Detail, actor: User) -> dict[str, ConsoleForm]:
    """The forms of what this actor may stop at once."""
    subject, stops = detail.user, dict[str, ConsoleForm]()
    is_other = subject.person_id is None or subject.person_id != actor.person_id
    if subject.status == User.Status.ACTIVE and is_other and capabilities.holds(actor, "user.suspend"):
        stops["suspension"] = ReasonForm(scope="suspend")
    if detail.sessions and is_other and capabilities.holds(actor, "session.end"):
        stops["ending"] = ReasonForm(scope="sessions")
    if detail.roles and capabilities.holds(actor, "role.revoke"):
        stops["revocation"] = RevocationForm(held=detail.roles, scope="revoke")
    return stops


def _offered(detail: Detail, actor: User) -> list[str]:
    """The acts on this login that this actor may propose now."""
    if detail.user.person_id is not None and detail.user.person_id == actor.person_id:
        return []
    names = ACTS[detail.user.status]
    may = approvals.may_propose(actor, names)
    senseless = set() if _roles("role.grant", detail) else {"role.grant"}
    senseless |= set() if scopes_for(detail.user) else {"key.issue"}
    senseless |= set() if detail.user.is_staff else {"password.reset"}
    senseless |= set() if detail.user.is_scoped else {"scope.widen"}
    senseless |= set() if detail.totp else {"device.reset"}
    return [name for name in names if name in may and name not in senseless]


def _roles(act: str, detail: Detail) -> Roles:
    sensible = capabilities.roles_for(detail.user)
    return sensible if act == "user.approve" else [role for role in sensible if role not in detail.roles]


def _form(act: str, detail: Detail, actor: User, data: QueryDict | None = None) -> ProposalForm:
    people = proposing.candidates(act, detail.user.ref, actor)
    if act == "user.approve":
        return ApproveUserForm(data, roles=_roles(act, detail), candidates=people)
    if act == "role.grant":
        return GrantRoleForm(data, roles=_roles(act, detail), candidates=people)
    if act == "key.issue":
        live = keys.live(detail.user, now=clock.now())
        return IssueKeyForm(data, scopes=scopes_for(detail.user), live=live, candidates=people)
    if act == "scope.widen":
        return WidenScopeForm(data, candidates=people)
    if act == "telegram.relink":
        return RelinkForm(data, candidates=people)
    return ProposalForm(data, candidates=people)


def _lines(act: str, subject_ref: str) -> list[Line]:
    """What is sure to change whatever is filled in; acts that hang on their details show them as fields."""
    if act in {"role.grant", "scope.widen", "key.issue", "telegram.relink"}:
        return []
    try:
        return acts.act_of(act).describe(subject_ref, {})[:1]
    except DeskError:
        return []


def _tabs(request: HttpRequest, criteria: Criteria) -> list[dict[str, object]]:
    counts = queries.counts(reader=access.actor(request))
    labels = {"": _("All"), **{status.value: status.label for status in User.Status}}
    return [
        {
            "key": status,
            "label": label,
            "url": http.url_with(request, status=status, before=None),
            "current": status == criteria.status,
            "count": counts.get(status, 0) if status else sum(counts.values()),
        }
        for status, label in labels.items()
    ]
