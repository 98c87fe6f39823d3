"""Phone trades: ops take down what a client's trader or an LP's dealer says; that party confirms it itself."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from rfq import operations, queries
from rfq.forms import PhoneQuoteForm, PhoneRfqForm
from rfq.models import Pair, Rfq
from rfq.queries.phone import callers
from trading.lib import clock
from users import access
from users.access import console
from users.models import Counterparty
from users.views.attempting import attempt


@console("rfq.enter")
def new_rfq(request: HttpRequest) -> HttpResponse:
    """Ask the LPs for a client that calls."""
    actor = access.actor(request)
    form = PhoneRfqForm(
        request.POST if request.method == "POST" else None,
        callers=callers(Counterparty.Kind.CLIENT, reader=actor),
        pairs=list(Pair.objects.filter(is_enabled=True).order_by("code")),
    )
    made: list[Rfq] = []
    status = attempt(
        form,
        lambda: made.append(
            operations.enter_rfq(request=form.request(), trader=form.trader, actor=actor, now=clock.now())
        ),
    )
    if status is None:
        messages.success(request, _("%(ref)s is open. The client accepts a price in its own chat.") % {"ref": made[0]})
        return redirect("rfq:detail", made[0].ref)
    return render(request, "rfq/phone_rfq.html", {"room": "rfqs", "form": form}, status=status)


@console("rfq.enter")
def new_quote(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Answer for an LP that calls.

    :raises NotFound: there is no such RFQ, or not for this reader.
    """
    actor = access.actor(request)
    rfq = queries.detail(ref, reader=actor).rfq
    people = callers(Counterparty.Kind.LP, reader=actor)
    form = PhoneQuoteForm(request.POST if request.method == "POST" else None, callers=people, rfq=rfq)
    status = attempt(
        form,
        lambda: operations.enter_quote(offer=form.offer(), dealer=form.dealer, actor=actor, now=clock.now()),
    )
    if status is None:
        messages.success(request, _("The quote is taken down. It is firm once the LP confirms it."))
        return redirect("rfq:detail", rfq.ref)
    return render(request, "rfq/phone_quote.html", {"room": "rfqs", "form": form, "rfq": rfq}, status=status)
