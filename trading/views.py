"""The console's frame: dashboard, language, and pages for what went wrong."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

import rfq.queries
import settlement.queries
import users.queries.log
from alerting import alert_queries, alert_words
from rfq.queries import Day, LiveCounts
from settlement.queries import Counts
from trading import first_steps
from trading.lib import clock, http
from users import access, operations
from users.access import console, is_verified

LATEST = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the dashboard, and the list it links to."""

    key: str
    label: str
    url: str
    value: Decimal | int | None
    note: str
    tone: str = ""
    places: int = 0
    unit: str = ""


@require_safe
@console("console.view")
def dashboard(request: HttpRequest) -> HttpResponse:
    """Six figures, today's trading, the latest RFQs, what fires and the wallets."""
    now = clock.now()
    reader = access.actor(request)
    live = rfq.queries.live_counts(reader=reader, now=now)
    counts = settlement.queries.counts(reader=reader)
    day = rfq.queries.today(reader=reader, now=now)
    latest = rfq.queries.page(rfq.queries.Criteria(), reader=reader, size=LATEST)
    wallets = settlement.queries.wallets()
    verification = users.queries.log.last_verification()
    firing = alert_queries.firing(reader=reader)
    shown = [(row.rfq.ref, row.rfq.updated_at, row.quotes) for row in latest.rows]
    balances = [(row.wallet.pk, row.posted, row.reserved) for row in wallets]
    alarms = [(row.pk, row.status) for row in firing]
    version = http.fingerprint(live, counts, day, shown, balances, verification and verification.pk, alarms, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "trading/dashboard.html#live" if http.is_poll(request) else "trading/dashboard.html"
    context = {
        "room": "dashboard",
        "live_rfqs": live.live,
        "open_settlements": counts.of(settlement.queries.OPEN_STATES),
        "figures": _figures(live, counts, day),
        "day": day,
        "series": _series(day),
        "latest": latest.rows,
        "wallets": wallets,
        "alerts": [(row, alert_words.title(row.type)) for row in firing[:LATEST]],
        "firing": len(firing),
        "verification": verification,
        "poll_url": http.poll_url(request, version),
    }
    if not http.is_poll(request):
        steps = first_steps.steps(reader=reader)
        context |= {"steps": steps, "steps_done": sum(step.is_done for step in steps)}
    return render(request, template, context)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Lead a browser that guesses to the icon; pages that are not ours (the Django admin's) name none."""
    return redirect(static("favicon.svg"))


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language: of the profile when signed in, and of this browser's sign-in page."""
    code, back = request.POST.get("language", ""), request.POST.get("next", "")
    response = redirect(back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "dashboard")
    if code not in dict(settings.CONSOLE_LANGUAGES):
        return response
    user = request.user
    if is_verified(user):
        operations.set_language(user=user, language=code, now=clock.now())
    http.remember_language(response, code)
    return response


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Say that this is not theirs to see."""
    return render(request, "errors/403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Say that there is nothing here."""
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something broke. It asks nothing of the database, which may be what broke."""
    return render(request, "errors/500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Say that the form was too old or came from elsewhere."""
    return render(request, "errors/csrf.html", status=403)


def _figures(live: LiveCounts, counts: Counts, day: Day) -> list[Figure]:
    rfqs, settlements = reverse("rfq:list"), reverse("settlement:list")
    waiting = counts.of(settlement.queries.STATE_FILTERS["awaiting_approval"])
    in_flight = counts.of(settlement.queries.IN_FLIGHT)
    stuck = counts.of(settlement.queries.STUCK)
    flagged = counts.of(settlement.queries.STATE_FILTERS["flagged_off"])
    overdue = ngettext("%(n)s waiting over 20 s", "%(n)s waiting over 20 s", live.overdue) % {"n": live.overdue}
    fills = ngettext("%(n)s trade", "%(n)s trades", day.fills) % {"n": day.fills}
    amount = _("%(amount)s USDT stuck") % {"amount": f"{counts.stuck_amount:,.2f}"}
    flagged_note = _("%(n)s flagged off") % {"n": flagged}
    spread_note = _("client's price to LP's")
    return [
        Figure("rfqs", _("Live RFQs"), f"{rfqs}?state=live", live.live, overdue, "warn" if live.overdue else ""),
        Figure(
            "approval", _("Awaiting approval"), f"{settlements}?state=awaiting_approval", waiting, _("need two people")
        ),
        Figure(
            "flight",
            _("Settlements in flight"),
            f"{settlements}?state=in_flight",
            in_flight,
            flagged_note,
            "warn" if flagged else "",
        ),
        Figure("stuck", _("Stuck settlements"), f"{settlements}?state=stuck", stuck, amount, "bad" if stuck else ""),
        Figure("volume", _("Traded today (USDT)"), f"{rfqs}?state=filled", day.volume, fills, places=2),
        Figure("spread", _("Median spread"), f"{rfqs}?state=filled", day.spread_bps, spread_note, "", 1, "bps"),
    ]


def _series(day: Day) -> dict[str, list[float | int | None]]:
    """Today's hours for the chart: plain numbers for drawing, never for reckoning."""
    return {
        "x": [int(bucket.at.timestamp()) for bucket in day.buckets],
        "volume": [float(bucket.volume) or None for bucket in day.buckets],
        "spread": [None if bucket.spread_bps is None else float(round(bucket.spread_bps, 2)) for bucket in day.buckets],
    }
