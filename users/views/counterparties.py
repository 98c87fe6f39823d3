"""The legal entities that trade with the desk, and their people."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from trading.lib import http
from users import access
from users.access import console
from users.forms import CheckForm
from users.listing import listing
from users.queries import events_about
from users.queries import people as queries
from users.views import onboarding
from users.views.proposing import INVALID
from users.views.tables import COUNTERPARTIES, kind_of


@listing("users:counterparties", lazy("Counterparties"), "kind", "q", table=COUNTERPARTIES)
@require_safe
@console("user.view")
def counterparties(request: HttpRequest) -> HttpResponse:
    """List clients and liquidity providers."""
    kind = kind_of(request.GET)
    text, before = request.GET.get("q", "")[:100].strip(), request.GET.get("before", "")[:16]
    rows, older = queries.counterparties(reader=access.actor(request), text=text, kind=kind, before=before)
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
    """Show one legal entity, what was checked about it, and its logins."""
    return _show(request, ref)


@require_POST
@console("onboarding.record")
def checks(request: HttpRequest, ref: str) -> HttpResponse:
    """Record what was looked at about a legal entity."""
    found, _users = queries.counterparty(ref, reader=access.actor(request))
    form = onboarding.record(request, found)
    return redirect("users:counterparty", ref) if form is None else _show(request, ref, check=form, status=INVALID)


def _show(request: HttpRequest, ref: str, *, check: CheckForm | None = None, status: int = 200) -> HttpResponse:
    found, users = queries.counterparty(ref, reader=access.actor(request))
    context = {
        "room": "counterparties",
        "counterparty": found,
        "users": users,
        "events": events_about([ref]),
        "onboarding": onboarding.card(found, access.actor(request), check),
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "users/counterparty.html", context, status=status)
