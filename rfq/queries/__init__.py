"""Reads about RFQs, quotes and fills. Each has a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import (
    Aggregate,
    Case,
    Count,
    DateTimeField,
    DecimalField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.functions import Abs

from rfq.models import Fill, Invitation, Quote, Rfq
from rfq.models.trading import Side
from settlement.models import Reversal
from trading.lib.errors import NotFound
from trading.lib.prepared import Given, Read
from users.models import Counterparty, User
from users.queries.scopes import serves, within

PAGE_SIZE = 50
QUOTE_SLA = timedelta(seconds=20)
BUCKET = timedelta(hours=1)
BPS = Decimal(10_000)
# Fills that two people took back: they count no more. Of the few there are; no fill's settlement is looked at.
REVERSED = Q(Exists(Reversal.objects.filter(settlement=OuterRef("settlement"))))

# Each bucket, and all of the day in one more row: its median is not one of medians.
TODAY = """
select at, sum(base), count(*), percentile_disc(0.5) within group (order by spread)
from ({fills}) as fills group by grouping sets ((at), ())
"""
_Status = Rfq.Status
# What the filter of the blotter stands for; "" is everything, "live" what can still trade.
STATE_FILTERS: dict[str, Sequence[str]] = {
    "live": (_Status.OPEN, _Status.QUOTED),
    "open": (_Status.OPEN,),
    "quoted": (_Status.QUOTED,),
    "filled": (_Status.FILLED,),
    "expired": (_Status.EXPIRED,),
    "cancelled": (_Status.CANCELLED,),
    "rejected": (_Status.REJECTED,),
}


class DateBin(Func):
    """PostgreSQL's `date_bin(width, at, origin)`: the bucket an instant falls into."""

    function = "date_bin"
    arity = 3
    output_field = DateTimeField()


class Median(Aggregate):
    """PostgreSQL's median: a value that occurs, the lower one of two."""

    template = "percentile_disc(0.5) within group (order by %(expressions)s)"
    output_field = DecimalField()


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which RFQs the blotter shows; it comes from the address of the page."""

    state: str = ""
    side: str = ""
    text: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One RFQ of the blotter: the best quote it has or traded on, and how many there were."""

    rfq: Rfq
    best: Quote | None
    quotes: int

    @property
    def base_amount(self) -> Decimal | None:
        """USDT: as asked for, or as the best quote makes it of the fiat amount."""
        return self.best.base_amount if self.best else self.rfq.base_amount


@dataclass(frozen=True, slots=True)
class Page:
    """One page of RFQs, newest first, and where the older ones begin."""

    rows: list[Row]
    older: str


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about one RFQ."""

    rfq: Rfq
    quotes: list[Quote]
    fill: Fill | None

    @property
    def refs(self) -> list[str]:
        """The refs its events are recorded under."""
        fill = [self.fill.ref, self.fill.settlement.ref] if self.fill else []
        return [self.rfq.ref, *(quote.ref for quote in self.quotes), *fill]


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """RFQs that can still trade; `overdue` ones had no quote for longer than the promise (20 s)."""

    live: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """An hour of trading: USDT traded, and the median spread between client's and LP's price."""

    at: datetime
    volume: Decimal
    spread_bps: Decimal | None


@dataclass(frozen=True, slots=True)
class Day:
    """Trading since midnight UTC."""

    buckets: list[Bucket]
    volume: Decimal
    fills: int
    spread_bps: Decimal | None


def live_counts(*, reader: User, now: datetime) -> LiveCounts:
    """Count the RFQs that can still trade, of the clients the reader serves. One query."""
    late = Q(status=_Status.OPEN, created_at__lt=now - QUOTE_SLA)
    counted = Rfq.objects.filter(within(reader, "counterparty"), status__in=Rfq.LIVE).aggregate(
        live=Count("pk"), overdue=Count("pk", filter=late)
    )
    return LiveCounts(counted["live"], counted["overdue"])


def page(criteria: Criteria, *, reader: User, size: int = PAGE_SIZE) -> Page:
    """Read one page of the blotter, of the clients the reader serves. Two queries, whatever the number of rows."""
    found = _found(criteria).filter(within(reader, "counterparty")).order_by("-pk")
    if criteria.before:
        found = found.filter(pk__lt=Rfq.objects.filter(ref=criteria.before).values("pk"))
    rfqs = list(found[: size + 1])
    older = rfqs[size - 1].ref if len(rfqs) > size else ""
    first = {quote.rfq_id: quote for quote in _first_quotes(rfqs[:size])}
    return Page([_row(rfq, first.get(rfq.pk)) for rfq in rfqs[:size]], older)


def _whole() -> QuerySet[Rfq]:
    related = ("counterparty", "requested_by", "entered_by", "pair__quote_asset", "destination")
    fill = ("fill__lp", "fill__accepted_by", "fill__settlement__reversal__request__requested_by", "fill__quote")
    return Rfq.objects.select_related(*related, *fill).filter(ref=Given("ref"))


WHOLE = Read(_whole)  # to plan its joins takes longer than to follow them


def detail(ref: str, *, reader: User | None) -> Detail:
    """
    Read one RFQ with its quotes and its fill. Two queries, three for a scoped reader.

    :param reader: the person of the desk who looks; nobody for the bot, which asks for whom it writes to.
    :raises NotFound: there is none of that ref, or not for this reader.
    """
    rfq = WHOLE.first(ref=ref)
    if rfq is None or (reader is not None and not serves(reader, rfq.counterparty_id)):
        raise NotFound(ref=ref)
    quotes = Quote.objects.filter(rfq=rfq).select_related("lp", "quoted_by").order_by("pk")
    return Detail(rfq, list(quotes), getattr(rfq, "fill", None))


def has_passed(rfq: Rfq, lp_id: int | None) -> bool:
    """Whether this LP makes no price on it. One query."""
    return Invitation.objects.filter(rfq=rfq, lp=lp_id, passed_at__isnull=False).exists()


def today(*, reader: User, now: datetime) -> Day:
    """Sum up the fills since midnight UTC of the clients the reader serves, by hour; none reversed. One query."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    spread = Abs(F("price") - F("lp_price")) / F("lp_price") * Value(BPS)
    at_bucket = DateBin(Value(BUCKET), F("filled_at"), Value(midnight))
    fills = Fill.objects.filter(within(reader, "client"), filled_at__gte=midnight).exclude(REVERSED)
    of_fills, values = fills.values(at=at_bucket, base=F("base_amount"), spread=spread).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(TODAY.format(fills=of_fills), values)
        sums = {at: (volume, number, median) for at, volume, number, median in cursor.fetchall()}
    volume, number, median = sums[None]
    buckets = []
    at = midnight
    while at <= now:
        of_bucket = sums.get(at, (Decimal(0), 0, None))
        buckets.append(Bucket(at, of_bucket[0], of_bucket[2]))
        at += BUCKET
    return Day(buckets, volume or Decimal(0), number, median)


def matching(criteria: Criteria) -> QuerySet[Rfq]:
    """The RFQs that the blotter's filters let through, whoever reads."""
    found = Rfq.objects.all()
    if criteria.state:
        found = found.filter(status__in=STATE_FILTERS[criteria.state])
    if criteria.side:
        found = found.filter(side=criteria.side)
    if text := criteria.text.strip():
        clients = Counterparty.objects.filter(name__icontains=text).values("pk")
        found = found.filter(Q(ref__startswith=text.upper()) | Q(counterparty__in=clients))
    return found


def _found(criteria: Criteria) -> QuerySet[Rfq]:
    return matching(criteria).select_related("counterparty", "pair__quote_asset")


def _first_quotes(rfqs: Sequence[Rfq]) -> QuerySet[Quote]:
    """Of each RFQ the quote it traded on, else the best that can trade, else any; `number` says how many it has."""
    rank = Case(When(status=Quote.Status.TRADED, then=0), When(status=Quote.Status.ACTIVE, then=1), default=2)
    cost = Case(When(rfq__side=Side.BUY, then=F("all_in_price")), default=-F("all_in_price"))
    quotes = Quote.objects.filter(rfq__in=[rfq.pk for rfq in rfqs]).select_related("lp").defer("reference")
    counted = quotes.annotate(number=Window(Count("pk"), partition_by=[F("rfq")]), rank=rank, cost=cost)
    return counted.order_by("rfq", "rank", "cost", "pk").distinct("rfq")


def _row(rfq: Rfq, first: Quote | None) -> Row:
    if first is None:
        return Row(rfq, None, 0)
    number: int = first.number  # type: ignore[attr-defined]  # annotated in _first_quotes
    return Row(rfq, first if first.status in {Quote.Status.TRADED, Quote.Status.ACTIVE} else None, number)
