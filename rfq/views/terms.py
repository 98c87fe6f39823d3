"""A client's or an LP's terms, hours, freeze or pause: stopped at once, everything else by two."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from rfq import operations
from rfq.forms.market import HoursForm, LpTermsForm, MarketForm, TermsForm
from rfq.models import Pair
from rfq.queries import market as queries
from rfq.queries.market import Party
from settlement.queries import unsettled
from trading.lib import clock
from trading.lib.errors import NotFound
from users import access, acts, capabilities
from users.access import console
from users.forms import ProposalForm, ReasonForm
from users.models import Counterparty, User
from users.queries import approvals, events_about
from users.views import proposing
from users.views.attempting import attempt

TERMS, HOURS, UNFREEZE = "terms.change", "hours.change", "client.unfreeze"
LP_TERMS, RESUME = "lp_terms.change", "lp.resume"


@require_safe
@console("market.view")
def terms(request: HttpRequest, ref: str) -> HttpResponse:
    """Show what a client may trade, or how an LP may quote, when, and what is proposed about it."""
    party = queries.party(ref, reader=access.actor(request))
    return _show(request, party, chosen=request.GET.get("act", ""))


@require_POST
@console("market.view")
def stop(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Freeze a client or pause an LP at once: it reduces risk, so one person may.

    :raises Forbidden: the actor may not.
    """
    actor, form = access.actor(request), ReasonForm(request.POST, scope="stop")
    party = queries.party(ref, reader=actor)
    status = attempt(form, lambda: _stop(party, actor, form.cleaned_data["reason"]), field="reason")
    if status is None:
        done = _("%(party)s is frozen. Two people let it trade again.")
        if not party.is_client:
            done = _("%(party)s is paused and its quotes are pulled. Two people let it quote again.")
        messages.success(request, done % {"party": party.counterparty.name})
        return redirect("rfq:terms", ref)
    return _show(request, queries.party(ref, reader=actor), stopping=form, status=status)


def _stop(party: Party, actor: User, reason: str) -> object:
    ref, now = party.counterparty.ref, clock.now()
    if party.is_client:
        return operations.freeze_client(client_ref=ref, actor=actor, reason=reason, now=now)
    return operations.pause_lp(lp_ref=ref, actor=actor, reason=reason, now=now)


@sensitive_post_parameters("otp_token")
@require_POST
@console("market.view")
def proposal(request: HttpRequest, ref: str, act: str) -> HttpResponse:
    """
    Propose other terms or hours, or that it goes on.

    :raises NotFound: there is no such party, act or pair.
    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    party = queries.party(ref, reader=actor)
    if act not in _acts_on(party):
        raise NotFound
    form = _form(act, party, _pair(request, party), actor, request.POST)
    asked = proposing.propose(form, act=act, subject_ref=ref, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show(request, party, chosen=act, form=form, status=asked.status)


def _acts_on(party: Party) -> list[str]:
    """The acts that make sense on this party as it stands."""
    if party.is_client:
        is_frozen = party.counterparty.status == Counterparty.Status.FROZEN
        return [TERMS, HOURS, *([UNFREEZE] if is_frozen else [])]
    return [LP_TERMS, HOURS, *([RESUME] if party.is_paused else [])]


def _pair(request: HttpRequest, party: Party) -> Pair | None:
    """The pair the address names; one nobody knows is as good as none."""
    wanted = request.GET.get("pair", "")
    return next((pair for pair, _terms in party.terms if pair.quote_asset_id == wanted), None)


def _form(act: str, party: Party, pair: Pair | None, actor: User, data: QueryDict | None = None) -> ProposalForm:
    people = proposing.candidates(act, party.counterparty.ref, actor)
    if act == TERMS:
        if pair is None:
            raise NotFound
        return TermsForm(data, pair=pair, now=party.terms_of(pair), candidates=people)
    if act == HOURS:
        return HoursForm(data, now=party.hours, candidates=people)
    if act == LP_TERMS:
        return LpTermsForm(data, now=party.lp_terms, candidates=people)
    return MarketForm(data, candidates=people)


def _show(
    request: HttpRequest,
    party: Party,
    *,
    chosen: str = "",
    form: ProposalForm | None = None,
    stopping: ReasonForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor, now, ref = access.actor(request), clock.now(), party.counterparty.ref
    offered = [act for act in _acts_on(party) if act in approvals.may_propose(actor, _acts_on(party))]
    act = chosen if chosen in offered or form else ""
    pair = _pair(request, party)
    if act and form is None:
        form = _form(act, party, pair, actor)
    goes_on = not party.is_paused and party.counterparty.status == Counterparty.Status.ACTIVE
    capability = "client.freeze" if party.is_client else "lp.pause"
    if stopping is None and goes_on and capabilities.holds(actor, capability):
        stopping = ReasonForm(scope="stop")
    context = {
        "room": "counterparties",
        "party": party,
        "counterparty": party.counterparty,
        "unsettled": None if party.is_client else unsettled(party.counterparty.pk),
        "closes": party.open_until(now),
        "opens": party.next_opening(now),
        "offered": offered,
        "act": act,
        "pair": pair,
        "title": acts.act_of(act).title if act else "",
        "form": form,
        "lines": acts.act_of(act).describe(ref, {}) if act in {UNFREEZE, RESUME} else [],
        "stop": stopping,
        "requests": approvals.open_about(ref),
        "events": events_about([ref]),
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "rfq/terms.html", context, status=status)
