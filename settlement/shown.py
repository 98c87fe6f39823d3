"""
What programs of each party are shown of a settlement: the one place that decides it. Pure.

The client sees its delivery step by step. An LP sees its own side: amounts at its own price, and whether the trade is
open, settled or cancelled; what holds up the client's delivery (funds, address, the flag) is not its business.
"""

from typing import Any

from settlement.models import Settlement
from trading.lib.money import USDT

OPEN, SETTLED, CANCELLED = "open", "settled", "cancelled"
BALANCE = "balance"
Status = Settlement.Status

type Shown = dict[str, Any]


def state_for_lp(status: str) -> str:
    """What an LP may know of where a settlement stands."""
    if status in {Status.SETTLED, Status.SETTLED_MANUALLY}:
        return SETTLED
    return CANCELLED if status == Status.CANCELLED else OPEN


def client_settlement(settlement: Settlement) -> Shown:
    """The client's side. Needs the destination and the asset loaded."""
    return _both(settlement) | {
        "quote_amount": f"{settlement.quote_amount:.{settlement.quote_asset.scale}f}",
        "destination": settlement.destination.ref if settlement.destination else BALANCE,
        "status": settlement.status,
    }


def payment(settlement: Settlement) -> Shown | None:
    """The latest payment on chain, if there is one. Needs `payments` with their wallets and `tried` attempts loaded."""
    transfers = settlement.payments  # type: ignore[attr-defined]
    if not transfers:
        return None
    latest = transfers[-1]
    return {
        "chain": latest.wallet.chain,
        "status": latest.status,
        "tx_hash": next((attempt.tx_hash for attempt in latest.tried), None),
    }


def lp_settlement(settlement: Settlement) -> Shown:
    """The LP's side. Needs the asset loaded."""
    buys = settlement.side == Settlement.Side.BUY
    return _both(settlement) | {
        "lp_side": Settlement.Side.SELL if buys else Settlement.Side.BUY,
        "quote_amount": f"{settlement.lp_quote_amount:.{settlement.quote_asset.scale}f}",
        "status": state_for_lp(settlement.status),
    }


def _both(settlement: Settlement) -> Shown:
    return {
        "ref": settlement.ref,
        "fill": settlement.trade_ref,
        "side": settlement.side,
        "base_amount": f"{settlement.base_amount:.{USDT.scale}f}",
        "asset": settlement.quote_asset_id,
        "created_at": settlement.created_at,
        "settled_at": settlement.settled_at,
    }
