"""
What programs of each party are shown: the one place that decides it, for calls and feed alike. Pure.

A client sees all-in prices and no LP. An LP sees its own quotes and trades at its own price: no client, no other LP,
no mark-up, and nothing that would be another if a rival had quoted.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from rfq.models import Fill, Outcome, Pair, Quote, Rfq
from rfq.models.trading import Side
from settlement.shown import reversed_at
from trading.lib.money import USDT

BALANCE = "balance"
COUNTING = frozenset({Quote.Status.ACTIVE, Quote.Status.TRADED})
NEAR = frozenset({Outcome.TIED, Outcome.COVER})

type Shown = dict[str, Any]


def plain(number: Decimal, scale: int) -> str:
    """A number with that many decimals, and no exponent."""
    return f"{number:.{scale}f}"


def opposite(side: str) -> str:
    """What the LP does when the client does this."""
    return Side.SELL if side == Side.BUY else Side.BUY


def ranked(rfq: Rfq, quotes: Iterable[Quote], *, now: datetime) -> list[Quote]:
    """The quotes that are firm now, the client's best first; ties go to the earlier one."""
    sign = 1 if rfq.side == Side.BUY else -1
    firm = [quote for quote in quotes if is_firm(quote, now=now)]
    return sorted(firm, key=lambda quote: (sign * quote.all_in_price, quote.pk))


def is_firm(quote: Quote, *, now: datetime) -> bool:
    """Whether it can be traded on, as far as its own state and time go."""
    return quote.status == Quote.Status.ACTIVE and quote.valid_until > now


def terms(rfq: Rfq) -> Shown:
    """What is asked, for either party. Needs `pair` and its asset loaded."""
    in_usdt = rfq.base_amount is not None
    unit = USDT if in_usdt else rfq.pair.quote_unit
    amount = rfq.base_amount if rfq.base_amount is not None else rfq.quote_amount or Decimal(0)
    return {"pair": rfq.pair.code, "side": rfq.side, "amount": plain(amount, unit.scale), "unit": unit.code}


# --- the client -----------------------------------------------------------------------------


def client_rfq(rfq: Rfq) -> Shown:
    """The client's own request, without its quotes."""
    return {
        "ref": rfq.ref,
        "client_rfq_id": rfq.client_rfq_id,
        **terms(rfq),
        "destination": rfq.destination.ref if rfq.destination else BALANCE,
        "created_at": rfq.created_at,
        "expires_at": rfq.expires_at,
        "refusal": rfq.refusal or None,
    }


def client_quote(quote: Quote, pair: Pair) -> Shown:
    """A firm price, whoever gave it."""
    return {
        "quote": quote.ref,
        "all_in_price": plain(quote.all_in_price, pair.price_scale),
        "base_amount": plain(quote.base_amount, USDT.scale),
        "quote_amount": plain(quote.quote_amount, pair.quote_unit.scale),
        "valid_until": quote.valid_until,
    }


def client_fill(fill: Fill) -> Shown:
    """The client's side of a trade. Needs RFQ, pair, quote and settlement loaded."""
    return {
        "ref": fill.ref,
        "client_rfq_id": fill.rfq.client_rfq_id,
        **_trade(fill),
        "all_in_price": plain(fill.price, fill.rfq.pair.price_scale),
        "quote_amount": plain(fill.quote_amount, fill.rfq.pair.quote_unit.scale),
    }


# --- the LP ---------------------------------------------------------------------------------


def lp_rfq(rfq: Rfq) -> Shown:
    """A request as the LPs that are asked see it: what cannot change before it is over."""
    return {"ref": rfq.ref, **terms(rfq), "lp_side": opposite(rfq.side), "expires_at": rfq.expires_at}


def lp_quote(quote: Quote, pair: Pair, *, now: datetime) -> Shown:
    """The LP's own quote, and what became of it as far as the LP may know."""
    return {
        "quote": quote.ref,
        "rfq": quote.rfq.ref,
        "price": plain(quote.price, pair.price_scale),
        "valid_until": quote.valid_until,
        "status": _status_for_lp(quote, now=now),
        "outcome": quote.outcome or None,
        "refusal": quote.refusal or None,
    }


def latest(quotes: Iterable[Quote]) -> Quote | None:
    """
    Which of an LP's own quotes on one RFQ counts, of these in their order.

    The firm or traded one, or the one that came close; else the last it made. One that was refused, or never
    confirmed, says nothing of how a firm one beside it ended.
    """
    made = [quote for quote in quotes if quote.status != Quote.Status.REJECTED]
    counting = [quote for quote in made if quote.status in COUNTING or quote.outcome in NEAR]
    return next(iter(reversed(counting or made)), None)


def lp_fill(fill: Fill) -> Shown:
    """The LP's side of a trade, at the LP's price. Needs RFQ, pair, quote and settlement loaded."""
    return {
        "ref": fill.ref,
        **_trade(fill),
        "lp_side": opposite(fill.side),
        "price": plain(fill.lp_price, fill.rfq.pair.price_scale),
        "quote_amount": plain(fill.quote.lp_quote_amount, fill.rfq.pair.quote_unit.scale),
    }


def _status_for_lp(quote: Quote, *, now: datetime) -> str:
    """By the clock, not by whether the sweeper has been there."""
    if quote.status in Quote.LIVE and quote.valid_until <= now:
        return Quote.Status.EXPIRED
    return quote.status


def _trade(fill: Fill) -> Shown:
    return {
        "rfq": fill.rfq.ref,
        "quote": fill.quote.ref,
        "settlement": fill.settlement.ref,
        "pair": fill.rfq.pair.code,
        "side": fill.side,
        "base_amount": plain(fill.base_amount, USDT.scale),
        "filled_at": fill.filled_at,
        "reversed_at": reversed_at(fill.settlement),
    }
