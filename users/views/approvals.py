"""What waits for a second person: the list, one request in the panel beside it, the decision."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from trading.lib import clock, http
from trading.lib.errors import Conflict, DeskError
from users import access, acts, operations
from users.access import console
from users.acts import Check, Line
from users.errors import AlreadyDecided, StaleDigest
from users.forms import DecisionForm
from users.listing import listing
from users.models import ApprovalDecision, ApprovalRequest, AuditEvent, StepUp, User
from users.queries import approvals as queries
from users.queries import events_about
from users.queries.approvals import Counts, Criteria, Detail, Page
from users.views.proposing import CODE_REFUSALS, CONFLICT, INVALID, refuse_code

Status, Verdict = ApprovalRequest.Status, ApprovalDecision.Verdict
PAGE, PANEL, LIST = "users/approvals.html", "users/approvals.html#panel", "users/approvals.html#live"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act a moment ago: `success` or `warning`, and the words."""

    level: str
    text: str


@dataclass(slots=True)
class Panel:
    """One request as a reader sees it; `form` is there for whoever may decide (or tried to)."""

    detail: Detail
    title: str | Promise
    lines: list[Line]
    differences: list[Line]
    checks: list[Check]
    events: list[AuditEvent]
    is_mine: bool
    refusal: str = ""
    form: DecisionForm | None = None
    conflict: DeskError | None = None
    outcome: list[Outcome] = field(default_factory=list)

    @property
    def is_off(self) -> bool:
        """Whether the buttons are off: what was shown is no longer to be decided."""
        return self.conflict is not None and not isinstance(self.conflict, StaleDigest)


@listing("users:approvals", lazy("Approvals"), "tab")
@require_safe
@console("approval.view")
def approvals(request: HttpRequest) -> HttpResponse:
    """List what waits for the reader, their own proposals, all that is open, or what is over."""
    return _room(request, None)


@require_safe
@console("approval.view")
def approval(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one request beside the list."""
    actor = access.actor(request)
    panel = None if http.is_poll(request) else _panel(queries.detail(ref, reader=actor), actor)
    return _room(request, panel, ref=ref)


@sensitive_post_parameters("otp_token", "passkey")
@require_POST
@console("approval.view")
def decision(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Take the reader's verdict. State, digest and eligibility come first, then the words, then the one-time code.

    :raises Forbidden: the reader may not decide this.
    """
    actor, form = access.actor(request), DecisionForm(request.POST)
    now = clock.now()
    answer = partial(_again, request, ref, form)
    try:
        operations.require_decidable(request_ref=ref, digest=form.signed, actor=actor, now=now)
        if not form.is_valid():
            return answer(INVALID)
        proof = _prove(form, actor, now)
        decided = operations.decide(
            request_ref=ref,
            verdict=form.cleaned_data["verdict"],
            reason=form.cleaned_data["reason"],
            digest=form.signed,
            actor=actor,
            proof=proof,
            now=now,
        )
    except CODE_REFUSALS as error:
        return answer(refuse_code(form, error))
    except Conflict as error:
        if isinstance(error, AlreadyDecided) and _is_repeated(ref, actor, form):
            return redirect("users:approval", ref)
        return answer(CONFLICT, conflict=error)
    access.renew_key(request)
    _tell(request, decided, form.cleaned_data["verdict"])
    return redirect("users:approval", ref)


def _prove(form: DecisionForm, actor: User, now: datetime) -> StepUp:
    """Step up with what was given: a passkey's answer, or a one-time code."""
    if answer := form.cleaned_data["passkey"]:
        return operations.step_up_by_passkey(user=actor, answer=answer, digest=form.signed, now=now)
    return operations.step_up(user=actor, token=form.cleaned_data["otp_token"], digest=form.signed, now=now)


@require_POST
@console("approval.view")
def withdrawal(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Take back one's own proposal.

    :raises NotWithdrawable: somebody else proposed it.
    """
    try:
        operations.withdraw(request_ref=ref, actor=access.actor(request), now=clock.now())
    except Conflict as error:
        return _again(request, ref, None, CONFLICT, conflict=error)
    messages.success(request, _("%(ref)s is withdrawn. Nothing has changed.") % {"ref": ref})
    return redirect("users:approval", ref)


def _room(request: HttpRequest, panel: Panel | None, *, ref: str = "", status: int = 200) -> HttpResponse:
    """Answer with the page, or with what a script asked for: the list when it polls, the panel after a refusal."""
    now, actor = clock.now(), access.actor(request)
    criteria = _criteria(request, actor)
    page, counts = queries.page(criteria, now=now), queries.counts(actor, now=now)
    version = http.fingerprint([(row.ref, row.updated_at) for row in page.rows], page.approvals, counts, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    if panel and request.method == "GET":
        panel.outcome = [Outcome(message.level_tag, str(message)) for message in messages.get_messages(request)]
    context = _context(request, criteria, page, counts) | {"panel": panel, "ref": ref, "is_fragment": False}
    context["poll_url"] = http.poll_url(request, version) if request.method == "GET" else _list_url(ref, version)
    if http.is_poll(request):
        return render(request, LIST, context)
    if not http.wants_fragment(request):
        return render(request, PAGE, context, status=status)
    context["is_fragment"] = True
    if status != http.OK:
        return render(request, PANEL, context, status=status)
    response = render(request, f"{PAGE}#room", context)
    response.headers["HX-Retarget"] = "#room"
    return response


def _context(request: HttpRequest, criteria: Criteria, page: Page, counts: Counts) -> dict[str, object]:
    here = reverse("users:approvals")
    older = f"{here}?tab={criteria.tab}&before={page.older}" if page.older else ""
    return {
        "room": "approvals",
        "actor": access.actor(request),
        "waiting": counts.waiting,
        "tab": criteria.tab,
        "page": page,
        "tabs": _tabs(criteria, counts),
        "older_url": older,
        "newest_url": f"{here}?tab={criteria.tab}" if criteria.before else "",
    }


def _list_url(ref: str, version: str) -> str:
    return f"{reverse('users:approval', args=[ref])}?v={version}"


def _criteria(request: HttpRequest, actor: User) -> Criteria:
    """Read the address; a tab nobody knows is the first."""
    tab = request.GET.get("tab", "")
    return Criteria(tab if tab in queries.TABS else queries.TABS[0], actor, request.GET.get("before", "")[:16])


def _tabs(criteria: Criteria, counts: Counts) -> list[dict[str, object]]:
    labels = {"waiting": _("Waiting for you"), "mine": _("Mine"), "open": _("All open"), "decided": _("Decided")}
    here = reverse("users:approvals")
    return [
        {
            "key": tab,
            "label": label,
            "url": f"{here}?tab={tab}",
            "current": tab == criteria.tab,
            "count": counts.of(tab),
        }
        for tab, label in labels.items()
    ]


def _again(
    request: HttpRequest, ref: str, form: DecisionForm | None, status: int, *, conflict: DeskError | None = None
) -> HttpResponse:
    """Show the request again with the form as it was filled in, the one-time code cleared."""
    actor = access.actor(request)
    panel = _panel(queries.detail(ref, reader=actor), actor)
    if form is not None:
        panel.form = form
    if isinstance(conflict, StaleDigest) and form is not None:
        form.show_digest(panel.detail.request)
    panel.conflict = conflict
    return _room(request, panel, ref=ref, status=status)


def _panel(detail: Detail, actor: User) -> Panel:
    request = detail.request
    is_open = request.status == Status.PENDING
    is_mine = request.requested_by.person_id == actor.person_id
    act, events = acts.act_of(request.act), events_about([request.ref])
    differences = acts.differences(act, acts.changed(request) if is_open else _superseded_by(events))
    checks = [*_checks(detail, same=not differences), *act.checks(request.subject_ref)] if is_open else []
    panel = Panel(detail, act.title, _lines(request), differences, checks, events, is_mine)
    if not is_open or is_mine or detail.by(actor):
        return panel
    try:
        operations.require_decider(request, actor)
    except DeskError as error:
        panel.refusal = error.sentence
    else:
        panel.form = DecisionForm()
        panel.form.show_digest(request)
    return panel


def _lines(request: ApprovalRequest) -> list[Line]:
    """What changes; nothing when the target is no longer there to be compared with."""
    try:
        return acts.act_of(request.act).describe(request.subject_ref, request.payload)
    except DeskError:
        return []


def _superseded_by(events: list[AuditEvent]) -> dict[str, tuple[object, object]]:
    """What had changed about the target when that ended the request, as it was recorded."""
    for event in events:
        if event.name == "approval.superseded":
            then, after = event.before.get("target", {}), event.after.get("target", {})
            return {name: (then[name], after.get(name)) for name in then}
    return {}


def _checks(detail: Detail, *, same: bool) -> list[Check]:
    passed = _("Passed")
    people = queries.deciders(detail)
    names = ", ".join(user.username for user in people) or _("nobody")
    missing = detail.quorum - detail.approvals
    enough = len({user.person_id for user in people}) >= missing
    expired = detail.expires_at <= clock.now()
    policy = _("version %(version)s") % {"version": detail.current.version}
    needed = ngettext("%(count)s approval needed", "%(count)s approvals needed", detail.quorum) % {
        "count": detail.quorum
    }
    return [
        Check("ok", passed, _("Target unchanged since it was proposed"))
        if same
        else Check("bad", _("Changed"), _("The target has changed since it was proposed")),
        Check("info", needed, _("Policy"), policy),
        Check("ok" if enough else "bad", passed if enough else _("Too few"), _("Eligible to decide:"), names),
        Check(
            "bad" if expired else "ok",
            _("Expired") if expired else _("In time"),
            _("Expiry"),
            at=detail.expires_at,
        ),
    ]


def _is_repeated(ref: str, actor: User, form: DecisionForm) -> bool:
    """Whether this is the same decision of the same person once more: then it is shown, not refused."""
    said = queries.detail(ref, reader=actor).by(actor)
    cleaned = form.cleaned_data
    return bool(said and said.verdict == cleaned.get("verdict") and said.reason == cleaned.get("reason"))


def _tell(request: HttpRequest, decided: ApprovalRequest, verdict: str) -> None:
    """Say what came of the decision, on the page that follows."""
    if verdict == Verdict.DECLINE:
        messages.success(request, _("Declined. Nothing has changed."))
    elif decided.status == Status.EXECUTED:
        messages.success(request, _("Approved. %(outcome)s") % {"outcome": decided.outcome})
    elif decided.status == Status.FAILED:
        text = _("Approved, but it could not be done: %(outcome)s")
        messages.warning(request, text % {"outcome": decided.outcome})
    elif decided.status == Status.APPROVED:
        messages.warning(request, _("Approved. It cannot be done at the moment and is tried again by itself."))
    else:
        messages.success(request, _("Your approval is recorded. More people have to approve it."))
