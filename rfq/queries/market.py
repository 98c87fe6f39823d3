"""Reads about pairs, terms, hours and pauses. Each has a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef

from rfq import hours
from rfq.hours import Hours
from rfq.models import Fill, LpTerms, MarketState, Pair, TradingHours, TradingTerms
from trading.lib.errors import NotFound
from users.models import Counterparty, User
from users.queries.scopes import within


@dataclass(frozen=True, slots=True)
class Party:
    """A client or an LP as the market sees it: its terms by pair (clients), its cap and pause (LPs), its hours."""

    counterparty: Counterparty
    hours: TradingHours | None
    terms: list[tuple[Pair, TradingTerms | None]]
    lp_terms: LpTerms | None

    @property
    def is_client(self) -> bool:
        """Whether it trades, not quotes."""
        return self.counterparty.kind == Counterparty.Kind.CLIENT

    @property
    def is_paused(self) -> bool:
        """Whether it is an LP that may not quote now."""
        return self.lp_terms is not None and self.lp_terms.paused_at is not None

    def terms_of(self, pair: Pair) -> TradingTerms | None:
        """Its terms on that pair, if it has any."""
        return next((terms for one, terms in self.terms if one.pk == pair.pk), None)

    def windows(self) -> list[str]:
        """Its windows in the reader's words."""
        return hours.words(self.hours.windows) if self.hours else []

    def open_until(self, at: datetime) -> datetime | None:
        """When its present window closes; nothing when it is closed or never closes."""
        agreed = self._agreed()
        return hours.open_until(agreed, at) if agreed else None

    def next_opening(self, at: datetime) -> datetime | None:
        """When its next window opens."""
        agreed = self._agreed()
        return hours.next_opening(agreed, at) if agreed else None

    def _agreed(self) -> Hours | None:
        return hours.parse(self.hours.time_zone, self.hours.windows) if self.hours else None


def desk() -> MarketState:
    """Read whether the desk is paused, since when, by whom and why. One query."""
    return MarketState.objects.select_related("paused_by").first() or MarketState()


def pairs() -> list[Any]:
    """List all pairs with the number of clients that have terms on them. One query."""
    return list(Pair.objects.annotate(clients=Count("terms")).order_by("code"))


def pair(currency: str) -> Pair:
    """
    Read one pair by its currency, and whether it was ever traded (`is_traded`). One query.

    :raises NotFound: there is none.
    """
    traded = Exists(Fill.objects.filter(rfq__pair=OuterRef("pk")))
    found = Pair.objects.annotate(is_traded=traded, clients=Count("terms")).filter(quote_asset=currency).first()
    if found is None:
        raise NotFound
    return found


def party(ref: str, *, reader: User) -> Party:
    """
    Read one client or LP. Three queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    related = ("trading_hours", "lp_terms__paused_by")
    found = Counterparty.objects.select_related(*related).filter(within(reader, "pk"), ref=ref).first()
    if found is None:
        raise NotFound
    rows = {row.pair_id: row for row in TradingTerms.objects.filter(counterparty=found)}
    every = Pair.objects.order_by("code") if found.kind == Counterparty.Kind.CLIENT else Pair.objects.none()
    return Party(
        found,
        getattr(found, "trading_hours", None),
        [(one, rows.get(one.pk)) for one in every],
        getattr(found, "lp_terms", None),
    )
