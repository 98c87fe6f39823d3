"""A source: per pair one leg, or several that are multiplied (USDT/USD by USD/AED)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rfq.rates.base import PLACES, Reading, Source, SourceFailed, Tick
from rfq.rates.exchanges import ExchangeLeg, Exchanges
from rfq.rates.web import Web, WebLeg


@dataclass(frozen=True, slots=True)
class Leg:
    """
    One factor of a pair's mid.

    :param is_inverted: the leg is quoted the other way round (EUR/USDT for USDT/EUR).
    :param longest_age: for numbers that are published now and then, like a day's rate between two currencies: how
        old one may be. The mid is then as old as its other legs.
    """

    what: ExchangeLeg | WebLeg
    is_inverted: bool = False
    longest_age: timedelta | None = None


@dataclass(slots=True)
class Composed(Source):
    """A source made of legs on exchanges and on the web."""

    name: str
    pairs: Mapping[str, Sequence[Leg]]
    exchanges: Exchanges
    web: Web

    def fetch(self, pair_codes: Sequence[str]) -> list[Tick]:
        """
        Ask for the mids of the pairs it knows among these.

        :raises SourceFailed: some or all could not be had.
        """
        self.exchanges.begin()
        self.web.begin()
        ticks, problems = [], []
        for code in pair_codes:
            if code not in self.pairs:
                continue
            try:
                ticks.append(self._tick(code))
            except SourceFailed as failed:
                problems.append(f"{code}: {failed}")
        if problems:
            raise SourceFailed("; ".join(problems), ticks)
        return ticks

    def _tick(self, code: str) -> Tick:
        mid, oldest = Decimal(1), None
        for leg in self.pairs[code]:
            reading = self._reading(leg)
            mid *= reading.number
            if leg.longest_age is None:
                oldest = min(oldest or reading.at, reading.at)
        if oldest is None or not PLACES <= mid < 1 / PLACES:
            raise SourceFailed("comes to no price")
        return Tick(code, mid.quantize(PLACES), oldest)

    def _reading(self, leg: Leg) -> Reading:
        reading = self.web.reading(leg.what) if isinstance(leg.what, WebLeg) else self.exchanges.reading(leg.what)
        if leg.longest_age is not None:
            _check_age(reading.at, leg.longest_age, now=self.web.clock())
        return reading.inverted() if leg.is_inverted else reading


def _check_age(at: datetime, longest: timedelta, *, now: datetime) -> None:
    if now - at > longest:
        raise SourceFailed(f"a number is of {at:%Y-%m-%d %H:%M} UTC, too old")
