"""The legal entities that trade with the desk, and their people."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from trading.lib import http
from users.access import console
from users.models import Counterparty
from users.queries import events_about
from users.queries import people as queries


@require_safe
@console("user.view")
def counterparties(request: HttpRequest) -> HttpResponse:
    """List clients and liquidity providers."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in Counterparty.Kind.values else ""
    text, before = request.GET.get("q", "")[:100].strip(), request.GET.get("before", "")[:16]
    rows, older = queries.counterparties(text=text, kind=kind, before=before)
    labels = {"": _("All"), "client": _("Clients"), "lp": _("Liquidity providers")}
    context = {
        "room": "counterparties",
        "rows": rows,
        "text": text,
        "kind": kind,
        "tabs": [
            {
                "key": value,
                "label": label,
                "url": http.url_with(request, kind=value, before=None),
                "current": value == kind,
                "count": None,
            }
            for value, label in labels.items()
        ],
        "older_url": http.url_with(request, before=older) if older else "",
        "newest_url": http.url_with(request, before=None) if before else "",
    }
    return render(request, "users/counterparties.html", context)


@require_safe
@console("user.view")
def counterparty(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one legal entity and its logins."""
    found, users = queries.counterparty(ref)
    context = {"room": "counterparties", "counterparty": found, "users": users, "events": events_about([ref])}
    return render(request, "users/counterparty.html", context)
