"""A new client or LP."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from settlement import operations
from settlement.forms import PartyForm
from trading.lib import clock
from users import access
from users.access import console
from users.models import Counterparty
from users.views.attempting import attempt


@require_http_methods(["GET", "HEAD", "POST"])
@console("user.create")
def new(request: HttpRequest) -> HttpResponse:
    """Ask who it is, and write it down: it cannot trade until it is checked and two people have set its terms."""
    actor, made = access.actor(request), list[Counterparty]()
    kind = request.GET.get("kind", "")
    form = PartyForm(request.POST if request.method == "POST" else None)
    if kind in Counterparty.Kind.values:
        form.initial["kind"] = kind
    status = attempt(
        form,
        lambda: made.append(operations.admit_counterparty(**form.cleaned_data, actor=actor, now=clock.now())),
        field="name",
    )
    if status is None:
        text = _("%(name)s is written down. Record what was checked, let its people in, then propose its terms.")
        messages.success(request, text % {"name": made[0].name})
        return redirect("users:counterparty", made[0].ref)
    context = {
        "room": "counterparties",
        "form": form,
        "title": _("New counterparty"),
        "back": "users:counterparties",
        "note": _("It cannot trade before it is checked and two people have set its terms."),
    }
    return render(request, "settlement/money_new.html", context, status=status)
