"""
From an LP's price to what the client sees and both sides' amounts. Pure.

Prices are quote currency per USDT. Every rounding is against the client by one step at most,
except the mark-up's own, which is to the nearest step; what is left over is the rounding leg.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from rfq.models.trading import Side
from trading.lib.money import USDT, Unit, round_down, round_half_even, round_up

BPS = Decimal(10_000)
BPS_STEP = Decimal("0.0001")
LARGEST = Decimal(10) ** 15
EXACT = 60  # digits: no product of an amount and a price is rounded before it is rounded on purpose


@dataclass(frozen=True, slots=True)
class Deal:
    """The economics of one quote. `markup` and the amounts are in whole units."""

    price: Decimal
    all_in_price: Decimal
    base_amount: Decimal
    quote_amount: Decimal
    lp_quote_amount: Decimal
    markup_amount: Decimal


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the RFQ asks: the side and exactly one of the two amounts."""

    side: str
    base_amount: Decimal | None
    quote_amount: Decimal | None


def all_in(price: Decimal, *, side: str, markup_bps: Decimal, tick: Decimal) -> Decimal:
    """The LP's price plus (client buys) or minus (sells) the mark-up, rounded against the client to a tick."""
    if side == Side.BUY:
        return round_up(price * (1 + markup_bps / BPS), tick)
    return round_down(price * (1 - markup_bps / BPS), tick)


def deal(wanted: Wanted, *, price: Decimal, markup_bps: Decimal, tick: Decimal, fiat: Unit) -> Deal | None:
    """
    The amounts at this price; nothing when they come to nothing, or to more than can be booked.
    """
    with localcontext(prec=EXACT):
        client_price = all_in(price, side=wanted.side, markup_bps=markup_bps, tick=tick)
        if client_price <= 0:
            return None
        base, quote = _amounts(wanted, client_price, fiat)
        lp_quote = round_half_even(base * price, fiat.step)
        if min(base, quote, lp_quote) <= 0 or max(base, quote, lp_quote) >= LARGEST:
            return None
        markup = round_half_even(base * abs(client_price - price), fiat.step)
        return Deal(price, client_price, base, quote, lp_quote, markup)


def _amounts(wanted: Wanted, price: Decimal, fiat: Unit) -> tuple[Decimal, Decimal]:
    buys = wanted.side == Side.BUY
    if wanted.base_amount is not None:
        quote = wanted.base_amount * price
        return wanted.base_amount, round_up(quote, fiat.step) if buys else round_down(quote, fiat.step)
    assert wanted.quote_amount is not None  # noqa: S101 - exactly one is given
    base = wanted.quote_amount / price
    return round_down(base, USDT.step) if buys else round_up(base, USDT.step), wanted.quote_amount


def spread_bps(price: Decimal, *, mid: Decimal, side: str) -> Decimal:
    """How far a price is from the mid, in basis points: positive where the client pays it."""
    sign = 1 if side == Side.BUY else -1
    return round_half_even(sign * (price - mid) / mid * BPS, BPS_STEP)


def distance_bps(price: Decimal, other: Decimal) -> Decimal:
    """How far the other price is from the price, in basis points, whichever is the higher."""
    return round_half_even(abs(other - price) / price * BPS, BPS_STEP)
