"""The desk's exposure and revenue: what is not settled, and what was earned day by day. To look at only."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from rfq.queries import exposure as queries
from trading.lib import clock, http
from users import access
from users.access import console


@require_safe
@console("exposure.view")
def exposure(request: HttpRequest) -> HttpResponse:
    """Show what is at stake now, with whom, and the last 30 days."""
    now, actor = clock.now(), access.actor(request)
    found, revenue = queries.exposure(reader=actor), queries.revenue(reader=actor, now=now)
    version = http.fingerprint(found, revenue, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    context = {
        "room": "exposure",
        "exposure": found,
        "revenue": revenue,
        "poll_url": http.poll_url(request, version),
    }
    return render(request, "rfq/exposure.html#live" if http.is_poll(request) else "rfq/exposure.html", context)
