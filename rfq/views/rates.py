"""The reference rates' page: what each pair is worth, by whom, and why a pair cannot be traded. To look at only."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from rfq import references
from rfq.models import RateSource
from trading.lib import clock, http
from users.access import console

SHOWN_SECONDS = 5  # ages are part of what is shown


@require_safe
@console("rfq.view")
def rates(request: HttpRequest) -> HttpResponse:
    """List the pairs with their references, and the sources."""
    now = clock.now()
    standings = references.standings(now=now)
    sources = list(RateSource.objects.order_by("name"))
    shown = [(one.pair.code, one.status, one.latest and one.latest.pk, one.low, one.high) for one in standings]
    asked = [(source.name, source.answered_at, source.problem) for source in sources]
    version = http.fingerprint(shown, asked, int(now.timestamp()) // SHOWN_SECONDS, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "rfq/rates.html#live" if http.is_poll(request) else "rfq/rates.html"
    context = {
        "room": "rates",
        "standings": standings,
        "sources": [(source, _age(source, now.timestamp())) for source in sources],
        "poll_url": http.poll_url(request, version),
    }
    return render(request, template, context)


def _age(source: RateSource, now: float) -> int | None:
    return max(0, int(now - source.answered_at.timestamp())) if source.answered_at else None
