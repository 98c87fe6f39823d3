"""What the desk has at stake now, and what it earned. Each read has a fixed number of queries."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Abs, TruncDate

from rfq.models import Fill
from rfq.queries import BPS, Median
from rfq.queries.kept import AsOf, Report, Row, rows_of
from settlement.models import Settlement
from settlement.queries import OPEN_STATES
from users.models import User
from users.queries.scopes import within

DAYS = 30
Side = Settlement.Side


@dataclass(frozen=True, slots=True)
class Leg:
    """Trades in one currency on one side that are not settled; `lp_quote_amount` is what the LPs' side has of it."""

    asset: str
    scale: int
    side: str
    number: int
    base_amount: Decimal
    quote_amount: Decimal
    lp_quote_amount: Decimal
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """What is not settled with one counterparty, in USDT: of its buys, or an LP's sales to clients, and the reverse."""

    ref: str
    name: str
    number: int
    bought: Decimal
    sold: Decimal
    oldest_at: datetime

    @property
    def gross(self) -> Decimal:
        """All of it, whichever way it goes."""
        return self.bought + self.sold


@dataclass(frozen=True, slots=True)
class Exposure:
    """All that is neither settled nor cancelled."""

    legs: list[Leg]
    lps: list[Share]
    clients: list[Share]

    @property
    def number(self) -> int:
        """How many trades that is."""
        return sum(leg.number for leg in self.legs)

    @property
    def base_amount(self) -> Decimal:
        """In USDT, whichever way it goes."""
        return sum((leg.base_amount for leg in self.legs), Decimal(0))

    @property
    def oldest_at(self) -> datetime | None:
        """Since when the oldest waits."""
        return min((leg.oldest_at for leg in self.legs), default=None)


@dataclass(frozen=True, slots=True)
class DayRow:
    """
    A day (UTC) in one currency: the mark-up of its trades in that currency, and USDT traded.

    `spread_bps` is the median from the LP's to the client's price, `reference_bps` from the reference mid to the
    client's price (nothing where no rate was recorded with the trades).
    """

    day: date
    asset: str
    scale: int
    fills: int
    volume: Decimal
    markup: Decimal
    spread_bps: Decimal | None
    reference_bps: Decimal | None


@dataclass(frozen=True, slots=True)
class Revenue:
    """The last 30 days in each currency, newest first; up to `as_of`, if it says so."""

    days: list[DayRow]
    as_of: AsOf | None


def exposure(*, reader: User) -> Exposure:
    """Sum up what is not settled, of the clients the reader serves. Three queries."""
    live = Settlement.objects.filter(within(reader, "client"), status__in=OPEN_STATES).order_by()
    rows = live.values_list("quote_asset__code", "quote_asset__scale", "side").annotate(
        Count("pk"), Sum("base_amount"), Sum("quote_amount"), Sum("lp_quote_amount"), Min("created_at")
    )
    legs = [Leg(*row) for row in rows.order_by("quote_asset__code", "side")]
    return Exposure(legs, _shares(live, "lp"), _shares(live, "client"))


def revenue(*, reader: User, now: datetime) -> Revenue:
    """
    Sum up the trades of the last 30 days of the clients the reader serves. One query; two until a report is kept.

    Trades whose settlement was cancelled, or that were reversed, are left out: nothing was earned by them. It is kept
    of the whole desk. Medians of parts make none of a whole, so a scoped reader's is summed up as they look.
    """
    rows, as_of = (_days(now, reader), None) if reader.is_scoped else rows_of(REVENUE, now=now)
    return Revenue([_day_row(*row) for row in rows], as_of)


def _days(now: datetime, reader: User | None = None) -> list[Row]:
    first = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    spread = Abs(F("price") - F("lp_price")) / F("lp_price") * Value(BPS)
    fills = Fill.objects.filter(within(reader, "client"), filled_at__gte=first)
    rows = (
        fills.exclude(settlement__status__in=[Settlement.Status.CANCELLED, Settlement.Status.REVERSED])
        .annotate(day=TruncDate("filled_at", tzinfo=UTC), spread=spread)
        .values_list("day", "settlement__quote_asset__code", "settlement__quote_asset__scale")
        .annotate(
            Count("pk"),
            Sum("base_amount"),
            Sum("settlement__markup_amount"),
            a=Median("spread"),
            b=Median("spread_bps"),
        )
        .order_by("-day", "settlement__quote_asset__code")
    )
    return list(rows)


def _day_row(day: date | str, asset: str, scale: int, fills: int, *measures: Decimal | str | None) -> DayRow:
    volume, markup, spread, reference = (None if one is None else Decimal(one) for one in measures)
    at = date.fromisoformat(day) if isinstance(day, str) else day
    return DayRow(at, asset, scale, fills, volume or Decimal(0), markup or Decimal(0), spread, reference)


REVENUE = Report("revenue", _days)


def _shares(live: QuerySet[Settlement], party: str) -> list[Share]:
    buys, sales = Q(side=Side.BUY), Q(side=Side.SELL)
    rows = live.values_list(f"{party}__ref", f"{party}__name").annotate(
        Count("pk"),
        bought=Sum("base_amount", filter=buys, default=Decimal(0)),
        sold=Sum("base_amount", filter=sales, default=Decimal(0)),
        oldest_at=Min("created_at"),
    )
    return sorted((Share(*row) for row in rows), key=lambda share: (-share.gross, share.name))
