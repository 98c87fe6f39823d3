"""The RFQs' pages. Both are live: the region that polls shares the page's template."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from rfq import queries
from rfq.models import Rfq
from rfq.models.trading import Side
from rfq.queries import Criteria, LiveCounts
from rfq.queries.asking import asked
from rfq.queries.disputes import HANDLE, of_fill
from trading.lib import clock, http
from users import access, capabilities
from users.access import console
from users.listing import listing
from users.queries import events_about


@listing("rfq:list", lazy("RFQ blotter"), "state", "side", "q")
@require_safe
@console("rfq.view")
def blotter(request: HttpRequest) -> HttpResponse:
    """List RFQs by state, side and search, newest first."""
    now = clock.now()
    criteria = criteria_of(request.GET)
    actor = access.actor(request)
    page = queries.page(criteria, reader=actor)
    counts = queries.live_counts(reader=actor, now=now)
    shown = [(row.rfq.ref, row.rfq.updated_at, row.quotes, row.best and row.best.pk) for row in page.rows]
    version = http.fingerprint(shown, counts, page.older, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "rfq/list.html#live" if http.is_poll(request) else "rfq/list.html"
    context = {
        "room": "rfqs",
        "live_rfqs": counts.live,
        "page": page,
        "criteria": criteria,
        "tabs": _tabs(request, criteria, counts),
        "sides": Side.choices,
        "is_filtered": bool(criteria.text or criteria.side or criteria.state),
        "may_enter": capabilities.holds(actor, "rfq.enter"),
        "may_export": capabilities.holds(actor, "history.export"),
        "poll_url": http.poll_url(request, version),
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
    }
    return render(request, template, context)


@require_safe
@console("rfq.view")
def rfq(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one RFQ: terms, quotes, fill, disputes about it, and what happened to it."""
    now = clock.now()
    actor = access.actor(request)
    detail = queries.detail(ref, reader=actor)
    events = events_about(detail.refs)
    disputes = of_fill(detail.fill)
    invited = asked(detail.rfq, detail.quotes)
    passed = [one.invitation.passed_at for one in invited]
    quotes = [(quote.ref, quote.updated_at) for quote in detail.quotes]
    settled = detail.fill.settlement.updated_at if detail.fill else None
    disputed = [(dispute.ref, dispute.status) for dispute in disputes]
    version = http.fingerprint(detail.rfq.updated_at, quotes, settled, disputed, passed, len(events), now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "rfq/detail.html#live" if http.is_poll(request) else "rfq/detail.html"
    context = {
        "room": "rfqs",
        "rfq": detail.rfq,
        "detail": detail,
        "events": events,
        "disputes": disputes,
        "asked": invited,
        "may_dispute": capabilities.holds(actor, HANDLE),
        "may_enter": detail.rfq.status in Rfq.LIVE and capabilities.holds(actor, "rfq.enter"),
        "poll_url": http.poll_url(request, version),
    }
    return render(request, template, context)


def criteria_of(data: QueryDict) -> Criteria:
    """Read the blotter's filters; a state or side nobody knows is as good as none."""
    state, side = data.get("state", ""), data.get("side", "")
    return Criteria(
        state=state if state in queries.STATE_FILTERS else "",
        side=side if side in Side.values else "",
        text=data.get("q", "")[:100],
        before=data.get("before", "")[:16],
    )


def _tabs(request: HttpRequest, criteria: Criteria, counts: LiveCounts) -> list[dict[str, object]]:
    labels = {
        "": _("All"),
        "live": _("Live"),
        "filled": Rfq.Status.FILLED.label,
        "expired": Rfq.Status.EXPIRED.label,
        "cancelled": Rfq.Status.CANCELLED.label,
        "rejected": Rfq.Status.REJECTED.label,
    }
    return [
        {
            "key": state,
            "label": label,
            "url": http.url_with(request, state=state, before=None),
            "current": state == criteria.state,
            "count": counts.live if state == "live" else None,
        }
        for state, label in labels.items()
    ]
