"""The settlements' pages. Both are live: the region that polls shares the page's template."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from settlement import queries
from settlement.queries import Counts, Criteria
from settlement.views.tables import SETTLEMENTS, criteria_of
from trading.lib import clock, http
from users import access
from users.access import console
from users.listing import listing
from users.queries import events_about


@listing("settlement:list", lazy("Settlements"), "state", "q", table=SETTLEMENTS)
@require_safe
@console("settlement.view")
def settlements(request: HttpRequest) -> HttpResponse:
    """List the settlements of a state, or those a search finds."""
    now = clock.now()
    criteria = criteria_of(request.GET)
    actor = access.actor(request)
    page = queries.page(criteria, reader=actor, now=now)
    counts = queries.counts(reader=actor)
    shown = [(row.settlement.ref, row.settlement.updated_at, row.urgency) for row in page.rows]
    version = http.fingerprint(shown, counts.by_status, page.older, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "settlement/list.html#live" if http.is_poll(request) else "settlement/list.html"
    context = {
        "room": "settlements",
        "open_settlements": counts.of(queries.OPEN_STATES),
        "page": page,
        "criteria": criteria,
        "tabs": _tabs(request, criteria, counts),
        "poll_url": http.poll_url(request, version),
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
    }
    return render(request, template, context)


@require_safe
@console("settlement.view")
def settlement(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one settlement: terms, steps, payments, ledger entries, audit events."""
    now = clock.now()
    detail = queries.detail(ref, reader=access.actor(request))
    events = events_about([ref, detail.settlement.trade_ref, *(transfer.ref for transfer in detail.transfers)])
    payments = [(payment.ref, payment.updated_at, payment.confirmations) for payment in detail.transfers]
    version = http.fingerprint(detail.settlement.updated_at, payments, len(events), len(detail.entries), now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "settlement/detail.html#live" if http.is_poll(request) else "settlement/detail.html"
    context = {
        "room": "settlements",
        "settlement": detail.settlement,
        "detail": detail,
        "events": events,
        "poll_url": http.poll_url(request, version),
    }
    return render(request, template, context)


def _tabs(request: HttpRequest, criteria: Criteria, counts: Counts) -> list[dict[str, object]]:
    labels = {
        "": _("All open"),
        "flagged_off": _("Flagged off"),
        "awaiting_approval": _("Awaiting approval"),
        "awaiting_funds": _("Awaiting funds"),
        "in_flight": _("In flight"),
        "stuck": _("Stuck"),
        queries.LATE: _("Late"),
        "settled": _("Settled"),
        "cancelled": _("Cancelled"),
        "reversed": _("Reversed"),
    }
    return [
        {
            "key": state,
            "label": label,
            "url": http.url_with(request, state=state, before=None, q=None),
            "current": state == criteria.state and not criteria.text,
            # What is over is only ever more: counting it would cost more with every trade.
            "count": None
            if state in {"settled", "cancelled", "reversed", queries.LATE}
            else counts.of(queries.STATE_FILTERS[state]),
        }
        for state, label in labels.items()
    ]
