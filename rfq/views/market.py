"""The market's page and the pairs': what is traded, by which numbers; stopping at once, everything else by two."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from rfq import operations
from rfq.forms.market import ChangePairForm, MarketForm, OpenPairForm
from rfq.models import MarketState, Pair
from rfq.queries import market as queries
from trading.lib import clock
from trading.lib.errors import NotFound
from users import access, acts, capabilities
from users.access import console
from users.forms import ProposalForm, ReasonForm
from users.models import User
from users.queries import approvals, events_about
from users.views import proposing
from users.views.attempting import attempt

RESUME_DESK, OPEN = "desk.resume", "pair.open"
CHANGE, RESUME = "pair.change", "pair.resume"


@require_safe
@console("market.view")
def market(request: HttpRequest) -> HttpResponse:
    """Show whether the desk trades, and every pair."""
    return _show_market(request)


@require_POST
@console("market.pause")
def pause(request: HttpRequest) -> HttpResponse:
    """Pause the whole desk at once: it reduces risk, so one person may."""
    actor, form = access.actor(request), ReasonForm(request.POST, scope="pause")
    status = attempt(
        form,
        lambda: operations.pause_desk(actor=actor, reason=form.cleaned_data["reason"], now=clock.now()),
        field="reason",
    )
    if status is None:
        messages.success(request, _("The whole desk is paused. Two people let it trade again."))
        return redirect("rfq:market")
    return _show_market(request, stop=form, status=status)


@sensitive_post_parameters("otp_token")
@require_POST
@console("market.view")
def resumption(request: HttpRequest) -> HttpResponse:
    """
    Propose that the desk trades again.

    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    form = _plain_form(RESUME_DESK, MarketState.REF, actor, request.POST)
    asked = proposing.propose(form, act=RESUME_DESK, subject_ref=MarketState.REF, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show_market(request, resume=form, status=asked.status)


def _show_market(
    request: HttpRequest, *, stop: ReasonForm | None = None, resume: ProposalForm | None = None, status: int = 200
) -> HttpResponse:
    actor, state = access.actor(request), queries.desk()
    may = approvals.may_propose(actor, [RESUME_DESK, OPEN])
    if stop is None and state.paused_at is None and capabilities.holds(actor, "market.pause"):
        stop = ReasonForm(scope="pause")
    if resume is None and state.paused_at is not None and RESUME_DESK in may:
        resume = _plain_form(RESUME_DESK, MarketState.REF, actor)
    context = {
        "room": "market",
        "state": state,
        "pairs": queries.pairs(),
        "stop": stop,
        "resume": resume,
        "may_open": OPEN in may,
        "lines": acts.act_of(RESUME_DESK).describe(MarketState.REF, {}) if resume else [],
        "requests": approvals.open_about(MarketState.REF),
        "changes": events_about([MarketState.REF]),
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "rfq/market.html", context, status=status)


def _plain_form(act: str, subject_ref: str, actor: User, data: QueryDict | None = None) -> MarketForm:
    return MarketForm(data, candidates=proposing.candidates(act, subject_ref, actor))


@sensitive_post_parameters("otp_token")
@console("market.view")
def new_pair(request: HttpRequest) -> HttpResponse:
    """
    Propose to trade USDT against one more currency.

    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    data = request.POST if request.method == "POST" else None
    form = OpenPairForm(data, candidates=proposing.candidates(OPEN, "", actor))
    status = 200
    if data is not None:
        code = form.code if form.is_valid() else ""
        asked = proposing.propose(form, act=OPEN, subject_ref=code, actor=actor)
        if asked.request is not None:
            return proposing.proposed(request, asked.request)
        status = asked.status
    elif OPEN not in approvals.may_propose(actor, [OPEN]):
        raise NotFound
    context = {"room": "market", "form": form, "title": acts.act_of(OPEN).title}
    return render(request, "rfq/new_pair.html", context, status=status)


@require_safe
@console("market.view")
def pair(request: HttpRequest, currency: str) -> HttpResponse:
    """Show one pair: its numbers, whether it is traded, what is proposed about it."""
    return _show_pair(request, queries.pair(currency), chosen=request.GET.get("act", ""))


@require_POST
@console("market.pause")
def pair_pause(request: HttpRequest, currency: str) -> HttpResponse:
    """Pause one pair at once: it reduces risk, so one person may."""
    found = queries.pair(currency)
    actor, form = access.actor(request), ReasonForm(request.POST, scope="pause")
    status = attempt(
        form,
        lambda: operations.pause_pair(
            code=found.code, actor=actor, reason=form.cleaned_data["reason"], now=clock.now()
        ),
        field="reason",
    )
    if status is None:
        messages.success(request, _("%(pair)s is paused. Two people let it trade again.") % {"pair": found.code})
        return redirect("rfq:pair", currency)
    return _show_pair(request, queries.pair(currency), stop=form, status=status)


@sensitive_post_parameters("otp_token")
@require_POST
@console("market.view")
def pair_proposal(request: HttpRequest, currency: str, act: str) -> HttpResponse:
    """
    Propose other numbers of a pair, or that it is traded again.

    :raises NotFound: there is no such pair or act.
    :raises Forbidden: the actor may not propose it.
    """
    actor, found = access.actor(request), queries.pair(currency)
    if act not in {CHANGE, RESUME}:
        raise NotFound
    form = _pair_form(act, found, actor, request.POST)
    asked = proposing.propose(form, act=act, subject_ref=found.code, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show_pair(request, found, chosen=act, form=form, status=asked.status)


def _show_pair(
    request: HttpRequest,
    found: Pair,
    *,
    chosen: str = "",
    form: ProposalForm | None = None,
    stop: ReasonForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = access.actor(request)
    may = approvals.may_propose(actor, [CHANGE, RESUME])
    offered = [act for act in (CHANGE, RESUME) if act in may and (act == CHANGE or not found.is_enabled)]
    act = chosen if chosen in offered or form else ""
    if act and form is None:
        form = _pair_form(act, found, actor)
    if stop is None and found.is_enabled and capabilities.holds(actor, "market.pause"):
        stop = ReasonForm(scope="pause")
    context = {
        "room": "market",
        "pair": found,
        "offered": [{"act": name, "title": acts.act_of(name).title} for name in offered],
        "act": act,
        "title": acts.act_of(act).title if act else "",
        "form": form,
        "lines": acts.act_of(RESUME).describe(found.code, {}) if act == RESUME else [],
        "stop": stop,
        "requests": approvals.open_about(found.code),
        "events": events_about([found.code]),
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "rfq/pair.html", context, status=status)


def _pair_form(act: str, found: Pair, actor: User, data: QueryDict | None = None) -> ProposalForm:
    people = proposing.candidates(act, found.code, actor)
    if act == CHANGE:
        is_traded: bool = found.is_traded  # type: ignore[attr-defined]  # annotated by the query
        return ChangePairForm(data, pair=found, is_traded=is_traded, candidates=people)
    return MarketForm(data, candidates=people)
