"""Reads about RFQs, quotes and fills. Each has a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    Aggregate,
    Count,
    DateTimeField,
    DecimalField,
    Exists,
    F,
    Func,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Abs

from rfq.models import Fill, Invitation, Quote, Rfq
from rfq.models.trading import Side
from settlement.models import Reversal
from trading.lib.errors import NotFound
from users.models import Counterparty, User
from users.queries.scopes import within

PAGE_SIZE = 50
QUOTE_SLA = timedelta(seconds=20)
BUCKET = timedelta(hours=1)
BPS = Decimal(10_000)
# Fills that two people took back: they count no more. Of the few there are; no fill's settlement is looked at.
REVERSED = Q(Exists(Reversal.objects.filter(settlement=OuterRef("settlement"))))

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
    return Page([_row(rfq) for rfq in rfqs[:size]], older)


def detail(ref: str, *, reader: User | None) -> Detail:
    """
    Read one RFQ with its quotes and its fill. Two queries.

    :param reader: the person of the desk who looks; nobody for the bot, which asks for whom it writes to.
    :raises NotFound: there is none of that ref, or not for this reader.
    """
    related = ("counterparty", "requested_by", "entered_by", "pair__quote_asset", "destination")
    fill = ("fill__lp", "fill__accepted_by", "fill__settlement__reversal__request__requested_by", "fill__quote")
    rfq = Rfq.objects.select_related(*related, *fill).filter(within(reader, "counterparty"), ref=ref).first()
    if rfq is None:
        raise NotFound(ref=ref)
    quotes = Quote.objects.filter(rfq=rfq).select_related("lp", "quoted_by").order_by("pk")
    return Detail(rfq, list(quotes), getattr(rfq, "fill", None))


def has_passed(rfq: Rfq, lp_id: int | None) -> bool:
    """Whether this LP makes no price on it. One query."""
    return Invitation.objects.filter(rfq=rfq, lp=lp_id, passed_at__isnull=False).exists()


def today(*, reader: User, now: datetime) -> Day:
    """Sum up the fills since midnight UTC of the clients the reader serves, by hour; none reversed. Two queries."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    spread = Abs(F("price") - F("lp_price")) / F("lp_price") * Value(BPS)
    fills = (
        Fill.objects.filter(within(reader, "client"), filled_at__gte=midnight).exclude(REVERSED).annotate(spread=spread)
    )
    measures = {"volume": Sum("base_amount"), "number": Count("pk"), "median": Median("spread")}
    at_bucket = DateBin(Value(BUCKET), F("filled_at"), Value(midnight))
    traded: dict[datetime, dict[str, Any]] = {
        row["at"]: {**row} for row in fills.values(at=at_bucket).annotate(**measures).order_by("at")
    }
    whole = fills.aggregate(**measures)
    buckets = []
    at = midnight
    while at <= now:
        row = traded.get(at, {"volume": Decimal(0), "median": None})
        buckets.append(Bucket(at, row["volume"], row["median"]))
        at += BUCKET
    return Day(buckets, whole["volume"] or Decimal(0), whole["number"], whole["median"])


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
    quotes = Quote.objects.select_related("lp").order_by("pk")
    related = matching(criteria).select_related("counterparty", "pair__quote_asset")
    return related.prefetch_related(Prefetch("quotes", quotes, to_attr="all_quotes"))


def _row(rfq: Rfq) -> Row:
    quotes: list[Quote] = rfq.all_quotes  # type: ignore[attr-defined]  # prefetched in _found
    traded = [quote for quote in quotes if quote.status == Quote.Status.TRADED]
    active = [quote for quote in quotes if quote.status == Quote.Status.ACTIVE]
    sign = 1 if rfq.side == Side.BUY else -1
    ranked = sorted(traded or active, key=lambda quote: (sign * quote.all_in_price, quote.pk))
    return Row(rfq, ranked[0] if ranked else None, len(quotes))
