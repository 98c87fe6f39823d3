"""Public tickers of crypto exchanges, by ccxt's synchronous client, without keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rfq.rates.base import Reading, SourceFailed, one_line, read_instant, read_number

WIDEST_BPS = Decimal(500)
BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class ExchangeLeg:
    """The mid of a market: `exchange` is ccxt's id, `symbol` its unified symbol, ``USDT/EUR``."""

    exchange: str
    symbol: str


def is_known(exchange: str) -> bool:
    """Whether ccxt speaks with an exchange of this id."""
    import ccxt  # noqa: PLC0415 - a desk without exchanges need not load it

    return exchange in ccxt.exchanges


@dataclass(slots=True)
class Exchanges:
    """
    Asks exchanges; each market once a round.

    :param options: per exchange, what its client is made with (a mirror's address, a proxy).
    """

    seconds: float
    clock: Callable[[], datetime]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)
    _round: dict[ExchangeLeg, Reading] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget the tickers of the round before."""
        self._round.clear()

    def reading(self, leg: ExchangeLeg) -> Reading:
        """
        Fetch the market's ticker, unless this round has it: the middle of bid and ask.

        :raises SourceFailed: it could not be had, or has no two sides.
        """
        if leg not in self._round:
            ticker = self._ticker(leg)
            now = self.clock()
            stamp = ticker.get("timestamp")
            at = now if stamp is None else read_instant(stamp, now=now)
            self._round[leg] = Reading(_middle(ticker, leg), at)
        return self._round[leg]

    def _ticker(self, leg: ExchangeLeg) -> Mapping[str, object]:
        try:
            ticker = self._client(leg.exchange).fetch_ticker(leg.symbol)
        except Exception as error:  # the library's parsers fail in their own ways on what they do not expect
            raise SourceFailed(f"{leg.exchange}: {type(error).__name__}: {one_line(error)}") from error
        if not isinstance(ticker, Mapping):
            raise SourceFailed(f"{leg.exchange} has no ticker of {leg.symbol}")
        return ticker

    def _client(self, exchange: str) -> Any:
        """The client of an exchange, kept: it learns the exchange's markets once."""
        if exchange not in self._clients:
            import ccxt  # noqa: PLC0415 - a desk without exchanges need not load it

            settings = {"timeout": int(self.seconds * 1000), "number": str, "enableRateLimit": False}
            self._clients[exchange] = getattr(ccxt, exchange)(settings | dict(self.options.get(exchange, {})))
        return self._clients[exchange]


def _middle(ticker: Mapping[str, object], leg: ExchangeLeg) -> Decimal:
    sides = []
    for side in ("bid", "ask"):
        if ticker.get(side) is None:
            raise SourceFailed(f"{leg.exchange} has no {side} of {leg.symbol}")
        sides.append(read_number(ticker[side]))
    bid, ask = sides
    if ask < bid:
        raise SourceFailed(f"{leg.exchange} has bid above ask of {leg.symbol}")
    if (ask - bid) * BPS > bid * WIDEST_BPS:
        raise SourceFailed(f"{leg.exchange} has bid and ask of {leg.symbol} too far apart")
    return (bid + ask) / 2
