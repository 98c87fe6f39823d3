"""Searching across all rooms at once: what the reader may see, within their scope."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

import alerting.searching
import rfq.queries.searching
import settlement.searching
import users.queries.searching
from trading.lib.hits import Hit, Source
from users import access, capabilities
from users.access import console
from users.listing import LISTS, Listing
from users.models import User

LONGEST = 100
# What one looks for by far the most comes first: of two kinds that a text names exactly, the first one is meant.
SOURCES: tuple[Source, ...] = (
    *rfq.queries.searching.SOURCES,
    *settlement.searching.SOURCES,
    *users.queries.searching.SOURCES,
    *alerting.searching.SOURCES,
)
# Lists that search by themselves, with the capability each takes.
FURTHER = {
    "rfq:list": "rfq.view",
    "settlement:list": "settlement.view",
    "rfq:disputes": "dispute.view",
    "settlement:transfers": "money.view",
    "settlement:ledger": "ledger.view",
    "users:users": "user.view",
    "users:counterparties": "user.view",
    "users:audit": "audit.own",
}


@dataclass(frozen=True, slots=True)
class Section:
    """What was found of one kind."""

    title: str
    hits: list[Hit]


@require_safe
@console("console.view")
def search(request: HttpRequest) -> HttpResponse:
    """Go to what a text names exactly; else show what it finds, by kind."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    reader = access.actor(request)
    sections = found(text, reader=reader) if text else []
    if hit := only_exact(sections):
        return redirect(hit.url)
    context = {
        "room": "search",
        "everywhere": text,
        "sections": sections,
        "further": _further(text, reader) if text else [],
    }
    return render(request, "trading/search.html", context)


def found(text: str, *, reader: User) -> list[Section]:
    """What the text finds, in every room that the reader may enter. At most one query for each kind."""
    asked = [source for source in SOURCES if capabilities.holds(reader, source.capability)]
    sections = [Section(str(source.title), list(source.find(text, reader))) for source in asked]
    return [section for section in sections if section.hits]


def only_exact(sections: list[Section]) -> Hit | None:
    """The one thing that is meant: of the first kind that has something of exactly this name, if it is alone there."""
    for section in sections:
        if exact := [hit for hit in section.hits if hit.is_exact]:
            return exact[0] if len(exact) == 1 else None
    return None


def _further(text: str, reader: User) -> list[tuple[Listing, str]]:
    names = [page for page, capability in FURTHER.items() if capabilities.holds(reader, capability)]
    query = QueryDict(mutable=True)
    query["q"] = text
    return [(LISTS[page], LISTS[page].url(query.urlencode())) for page in names]
