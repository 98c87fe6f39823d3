"""RFQs and fills to be taken away, oldest first, in portions: each is a short statement of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, Max, QuerySet

from rfq.models import Fill, Rfq
from rfq.queries import Criteria, matching
from users.models import User
from users.queries.scopes import within

PORTION = 500
RFQS, FILLS = "rfqs", "fills"
KINDS = (RFQS, FILLS)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is taken away: RFQs or fills that the blotter's filters let through, of these days (UTC)."""

    kind: str
    criteria: Criteria
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows that is, and the id of the newest, so that it has an end."""

    rows: int
    last: int


def extent(choice: Choice, *, reader: User) -> Extent:
    """Measure it. One query."""
    found = _fills(choice, reader) if choice.kind == FILLS else _rfqs(choice, reader)
    measured = found.order_by().aggregate(rows=Count("pk"), last=Max("pk"))
    return Extent(measured["rows"], measured["last"] or 0)


def rfqs(choice: Choice, *, reader: User, last: int) -> Iterator[Rfq]:
    """Read the RFQs up to the id `last`. One query for each portion."""
    related = ("counterparty", "requested_by", "entered_by", "pair__quote_asset", "fill")
    found = _rfqs(choice, reader).select_related(*related).annotate(quotes_count=Count("quotes", distinct=True))
    return _in_portions(found, last)


def fills(choice: Choice, *, reader: User, last: int) -> Iterator[Fill]:
    """Read the fills up to the id `last`. One query for each portion."""
    related = ("client", "lp", "accepted_by", "quote", "settlement", "rfq__pair__quote_asset")
    return _in_portions(_fills(choice, reader).select_related(*related), last)


def _rfqs(choice: Choice, reader: User) -> QuerySet[Rfq]:
    return _of_days(matching(choice.criteria).filter(within(reader, "counterparty")), "created_at", choice)


def _fills(choice: Choice, reader: User) -> QuerySet[Fill]:
    fills = Fill.objects.filter(within(reader, "client"), rfq__in=matching(choice.criteria).values("pk"))
    return _of_days(fills, "filled_at", choice)


def _of_days[M: Rfq | Fill](found: QuerySet[M], at: str, choice: Choice) -> QuerySet[M]:
    if choice.since:
        found = found.filter(**{f"{at}__gte": _midnight(choice.since)})
    if choice.until:
        found = found.filter(**{f"{at}__lt": _midnight(choice.until) + timedelta(days=1)})
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _in_portions[M: Rfq | Fill](found: QuerySet[M], last: int) -> Iterator[M]:
    found, after = found.filter(pk__lte=last).order_by("pk"), 0
    while portion := list(found.filter(pk__gt=after)[:PORTION]):
        yield from portion
        after = portion[-1].pk
