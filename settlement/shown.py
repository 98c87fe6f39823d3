"""
What programs of each party are shown of a settlement: the one place that decides it. Pure.

The client sees its delivery step by step. An LP sees its own side: amounts at its own price, and whether the trade is
open, settled, cancelled or reversed; what holds up the delivery (funds, address, the flag) is not its business.
"""

from datetime import datetime
from typing import Any

from settlement.models import LpPayment, Settlement, Withdrawal
from trading.lib.money import USDT

OPEN, SETTLED, CANCELLED, REVERSED = "open", "settled", "cancelled", "reversed"
BALANCE = "balance"
Status = Settlement.Status
OVER_FOR_LP: dict[str, str] = {
    Status.SETTLED: SETTLED,
    Status.SETTLED_MANUALLY: SETTLED,
    Status.CANCELLED: CANCELLED,
    Status.REVERSED: REVERSED,
}

type Shown = dict[str, Any]


def state_for_lp(status: str) -> str:
    """What an LP may know of where a settlement stands."""
    return OVER_FOR_LP.get(status, OPEN)


def reversed_at(settlement: Settlement) -> datetime | None:
    """When the trade was taken back; nothing while it stands. Needs its reversal loaded."""
    return settlement.reversal.reversed_at if settlement.status == Status.REVERSED else None


def client_settlement(settlement: Settlement) -> Shown:
    """The client's side. Needs the destination and the asset loaded."""
    return _both(settlement) | {
        "quote_amount": f"{settlement.quote_amount:.{settlement.quote_asset.scale}f}",
        "destination": settlement.destination.ref if settlement.destination else BALANCE,
        "status": settlement.status,
    }


def payment(owner: Settlement | Withdrawal) -> Shown | None:
    """The latest payment on chain, if there is one. Needs `payments` with their wallets and `tried` attempts loaded."""
    transfers = owner.payments  # type: ignore[union-attr]
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


def lp_payment(payment: LpPayment) -> Shown:
    """A payment between the desk and the LP. Needs asset, account, address and wallet loaded."""
    places = payment.asset.scale
    way = payment.account or payment.address
    return {
        "ref": payment.ref,
        "direction": "to_lp" if payment.is_out else "to_desk",
        "asset": payment.asset_id,
        "amount": f"{payment.amount:.{places}f}",
        "received": None if payment.received is None else f"{payment.received:.{places}f}",
        "way": way.ref if way else str(payment.wallet),
        "reference": payment.reference,
        "status": payment.status,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
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
        "reversed_at": reversed_at(settlement),
    }
