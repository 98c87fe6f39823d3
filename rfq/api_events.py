"""REST: what happened, in an order programs can follow and go on from."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from rfq import api_examples as examples
from rfq import news
from rfq.api_shapes import EventOut, EventsOut
from rfq.queries import parties
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import RefText, UnknownCursor, party

router = Router(tags=["market"])
LONGEST = 500
SETTLEMENTS = "settlement.own"


class Place(Schema):
    """Where to go on."""

    after: Annotated[RefText | None, Field(description="`next` of the call before; without it, from the start.")] = None
    limit: Annotated[int, Field(ge=1, le=LONGEST)] = 100


@router.get(
    "/events",
    **call(EventsOut, *OF_LISTS, summary="What happened since, oldest first", example=Example(examples.EVENTS)),
)
def list_events(request: HttpRequest, place: Query[Place]) -> EventsOut:
    """
    Ask again with `next` as `after`: nothing is skipped and nothing comes twice. Kept for 30 days.

    A client hears of `rfq.created`, `quote.best_changed`, `rfq.cancelled`, `rfq.expired`, `fill.booked` and
    `settlement.changed`; an LP of `rfq.asked`, `rfq.closed` (with its own outcome), `quote.entered`,
    `quote.expired`, `quote.pulled`, `fill.booked` and `settlement.changed` (needs the scope `settlement.own`).
    """
    reader = party(request, "rfq.request", "rfq.accept", "rfq.quote", SETTLEMENTS)
    start = None
    if place.after is not None:
        start = parties.place_of(reader.counterparty, place.after)
        if start is None:
            raise UnknownCursor(field="after")
    hidden = [] if reader.holds(SETTLEMENTS) else [news.SETTLEMENT_CHANGED]
    found = list(parties.events_after(reader.counterparty, start, hidden=hidden)[: place.limit + 1])
    told = found[: place.limit]
    items = [EventOut(id=row.ref, kind=row.kind, subject=row.subject, at=row.at, data=row.data) for row in told]
    return EventsOut(items=items, next=told[-1].ref if told else place.after, more=len(found) > place.limit)
