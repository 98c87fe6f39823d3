"""
What the simulated market is at, served as two outside sources of prices would (`/rates/one.json`, `/rates/two.json`).

It lives in memory alone: until the market says something, there is nothing here.
"""

from datetime import UTC, datetime
from decimal import Decimal

from aiohttp import web

from trading.sandbox.rates import SOURCES
from trading.sandbox.telegram.errors import ControlError

PLACES = Decimal("1e-8")
HIGHEST = 10**9
LONGEST_CODE = 3


class Rates:
    """The mids, and since when."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.forget()

    def forget(self) -> None:
        """Know nothing again."""
        self._mids: dict[str, Decimal] = {}
        self._at: datetime | None = None

    def take(self, rates: object) -> None:
        """
        Note new mids: ``{"EUR": 0.92}``.

        :raises ControlError: that is something else.
        """
        if not isinstance(rates, dict) or not all(_is_rate(code, mid) for code, mid in rates.items()):
            raise ControlError(400, "invalid", 'rates must be mids by currency: {"EUR": 0.92}.')
        self._mids = {code: Decimal(repr(mid)) for code, mid in rates.items()}
        self._at = datetime.now(UTC)  # noqa: TID251 - it plays somebody else's clock

    async def serve(self, request: web.Request) -> web.Response:
        """Answer as the source of that name."""
        factor = SOURCES.get(request.match_info["name"])
        if factor is None or self._at is None:
            raise ControlError(404, "no_rates", "There are no rates: the market has not said any.")
        rates = {code: float((mid * factor).quantize(PLACES)) for code, mid in self._mids.items()}
        return web.json_response({"base": "USDT", "at": self._at.isoformat(), "rates": rates})


def _is_rate(code: object, mid: object) -> bool:
    is_number = isinstance(mid, int | float) and not isinstance(mid, bool)
    return isinstance(code, str) and len(code) == LONGEST_CODE and is_number and 0 < mid < HIGHEST  # type: ignore[operator]
