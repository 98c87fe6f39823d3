"""Receipts in the console: checking one that somebody shows, taking the desk's own, and the public keys."""

import base64

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from rfq import operations
from rfq.forms.receipts import ReceiptForm
from rfq.papers import receipts as papers
from rfq.receipts import books, envelope
from rfq.receipts.envelope import Verdict
from trading.lib import clock, signing
from users import access
from users.access import console

KEYS_KEPT_SECONDS = 3600


@console("settlement.view")
def check(request: HttpRequest) -> HttpResponse:
    """Say whether a receipt is the desk's, what it says, and whether the books say the same."""
    form = ReceiptForm(request.POST, request.FILES) if request.method == "POST" else ReceiptForm()
    if not form.is_bound or not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "rfq/receipts.html", {"room": "receipts", "form": form}, status=status)
    actor = access.actor(request)
    found = envelope.check(form.content())
    is_valid = found.verdict == Verdict.VALID
    context = {
        "room": "receipts",
        "form": ReceiptForm(),
        "found": found,
        "rows": papers.rows_of(found.facts, time_zone=actor.time_zone) if is_valid else [],
        "books": books.compare(found, reader=actor) if is_valid else None,
    }
    return render(request, "rfq/receipts.html", context)


@require_POST
@console("settlement.view")
def download(request: HttpRequest, fill: str) -> HttpResponse:
    """
    Give the desk's own receipt of a trade, which says everything.

    :raises ReceiptNotYet: it is not settled.
    """
    actor = access.actor(request)
    receipt = operations.issue_receipt(trade_ref=fill, actor=actor, now=clock.now())
    paper = papers.paper(receipt, time_zone=actor.time_zone)
    response = HttpResponse(paper.content, content_type=paper.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{paper.name}"'
    return response


@require_safe
def keys(_request: HttpRequest) -> HttpResponse:
    """The public keys that receipts are checked with, the present one first. For everybody."""
    shown = [
        {"id": name, "public_key": base64.b64encode(key).decode(), "pem": signing.pem(key)}
        for name, key in signing.keys().items()
    ]
    return JsonResponse({"keys": shown}, headers={"Cache-Control": f"public, max-age={KEYS_KEPT_SECONDS}"})
