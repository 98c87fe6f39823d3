"""The LPs' pages: how well each answers, together and per pair and size. To look at only."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from rfq.queries import scorecards as queries
from trading.lib import clock, http
from users import access
from users.access import console
from users.listing import listing

USUAL = "7d"


@listing("rfq:lps", lazy("Liquidity providers"), "window")
@require_safe
@console("scorecard.view")
def lps(request: HttpRequest) -> HttpResponse:
    """List the LPs with their figures over the chosen time."""
    now, window = clock.now(), _window(request)
    cards = queries.scorecards(window=window, reader=access.actor(request), now=now)
    version = http.fingerprint(cards, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    context = {
        "room": "lps",
        "cards": cards,
        "tabs": _tabs(request, window),
        "window": window,
        "as_of": cards[0].as_of if cards else None,
        "poll_url": http.poll_url(request, version),
    }
    return render(request, "rfq/lps/list.html#live" if http.is_poll(request) else "rfq/lps/list.html", context)


@require_safe
@console("scorecard.view")
def lp(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Show one LP's scorecard, per pair and size.

    :raises NotFound: there is no such LP, or not for this reader.
    """
    now, window = clock.now(), _window(request)
    card = queries.scorecard(ref, window=window, reader=access.actor(request), now=now)
    version = http.fingerprint(card, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    context = {
        "room": "lps",
        "card": card,
        "rows": [(part, _sizes()[part.bucket]) for part in card.parts],
        "tabs": _tabs(request, window),
        "poll_url": http.poll_url(request, version),
    }
    return render(request, "rfq/lps/detail.html#live" if http.is_poll(request) else "rfq/lps/detail.html", context)


def _window(request: HttpRequest) -> str:
    """Read the address; a window nobody knows is the usual one."""
    window = request.GET.get("window", "")
    return window if window in queries.WINDOWS else USUAL


def _sizes() -> dict[str, str]:
    """Name the sizes, in USDT."""
    return {
        "small": _("below 1,000"),
        "medium": _("1,000 to 10,000"),
        "large": _("10,000 to 100,000"),
        "block": _("100,000 and more"),
        "unknown": _("never priced"),
    }


def _tabs(request: HttpRequest, window: str) -> list[dict[str, object]]:
    labels = {"24h": _("Last 24 hours"), "7d": _("Last 7 days"), "30d": _("Last 30 days")}
    return [
        {"key": key, "label": label, "url": http.url_with(request, window=key), "current": key == window, "count": None}
        for key, label in labels.items()
    ]
