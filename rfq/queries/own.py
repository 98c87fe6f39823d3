"""What a party may do by its own terms, and how much of it is used. Each read has a fixed number of queries."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from rfq import hours
from rfq.models import DailyNotional, Heartbeat, LpTerms, MarketState, Pair, Quote, TradingHours, TradingTerms
from rfq.queries import parties
from settlement.queries import unsettled
from users.models import Counterparty


@dataclass(frozen=True, slots=True)
class Clock:
    """Agreed trading hours at an instant: their zone, their windows in words, and when that changes."""

    time_zone: str
    windows: list[str]
    open_until: datetime | None
    opens_at: datetime | None


@dataclass(frozen=True, slots=True)
class Limits:
    """A client's pairs with its terms, the USDT it traded since midnight UTC, and its hours (None: always)."""

    pairs: list[tuple[Pair, TradingTerms]]
    traded_today: Decimal
    clock: Clock | None


@dataclass(frozen=True, slots=True)
class Standing:
    """An LP's terms, its hours, and what runs now. `program` is none, heard or silent."""

    terms: LpTerms | None
    clock: Clock | None
    unsettled: Decimal
    live_quotes: int
    program: str
    is_desk_paused: bool

    @property
    def is_paused(self) -> bool:
        """Whether this LP is."""
        return self.terms is not None and self.terms.paused_at is not None

    @property
    def is_own_pause(self) -> bool:
        """Whether it paused itself. Needs `paused_by` loaded."""
        by = self.terms.paused_by if self.terms else None
        return by is not None and self.terms is not None and by.counterparty_id == self.terms.lp_id


def limits(client: Counterparty, *, now: datetime) -> Limits:
    """Read what a client may trade. Four queries."""
    day = DailyNotional.objects.filter(client=client, day=now.astimezone(UTC).date())
    traded = day.values_list("base_amount", flat=True).first()
    allowed = [(pair, terms) for pair, terms in parties.pairs(client) if terms is not None]
    return Limits(allowed, traded or Decimal(0), clock_of(client, now=now))


def standing(lp: Counterparty, *, now: datetime) -> Standing:
    """Read how an LP stands. Six queries."""
    terms = LpTerms.objects.select_related("paused_by").filter(lp=lp).first()
    heartbeat = Heartbeat.objects.filter(lp=lp, due_at__isnull=False).first()
    program = "none" if heartbeat is None or heartbeat.due_at is None else "silent"
    if heartbeat and heartbeat.due_at and heartbeat.due_at > now:
        program = "heard"
    live = Quote.objects.filter(lp=lp, status=Quote.Status.ACTIVE, valid_until__gt=now).count()
    is_paused = MarketState.objects.filter(paused_at__isnull=False).exists()
    return Standing(terms, clock_of(lp, now=now), unsettled(lp.pk), live, program, is_paused)


def clock_of(party: Counterparty, *, now: datetime) -> Clock | None:
    """When the party may trade; None when always. One query."""
    row = TradingHours.objects.filter(counterparty=party).first()
    if row is None:
        return None
    agreed = hours.parse(row.time_zone, row.windows)
    until = hours.open_until(agreed, now)
    opens = None if until else hours.next_opening(agreed, now)
    return Clock(row.time_zone, hours.words(row.windows), until, opens)
