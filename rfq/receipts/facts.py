"""
What a receipt says of a settled trade, for each who reads it. Pure; every value is text.

A client learns its all-in price and no LP, no mark-up and no LP's price. An LP learns its own price and amount and
no client, no destination, no transaction (it names the client's address) and nothing of rivals. The desk's says all.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from rfq.models import Fill, Receipt
from rfq.shown import opposite, plain
from settlement.models import Settlement
from trading.lib.money import USDT
from users.models import Counterparty

VERSION = "1"
Side = Receipt.Side

type Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What stands beside the fill: the payment on chain, if any, and the digest of the event that booked it.

    Fiat that people paid by bank has the bank's reference as its transaction, and the account it went to.
    """

    chain: str
    transaction: str
    event: bytes
    account: str = ""


def facts_of(fill: Fill, side: str, evidence: Evidence, *, ref: str, salt: str, issued_at: datetime) -> Facts:
    """
    The facts for one reader. Needs RFQ, pair, quote, parties, settlement, its destination and its reversal loaded.

    :param salt: hides the event's digest from a party, who could otherwise try out what it may not know.
    """
    own = {Side.CLIENT: _client, Side.LP: _lp, Side.DESK: _desk}[Side(side)]
    hidden = hashlib.sha256(bytes.fromhex(salt) + evidence.event) if side != Side.DESK else None
    return {
        "version": VERSION,
        "receipt": ref,
        "for": str(side),
        "fill": fill.ref,
        "rfq": fill.rfq.ref,
        "quote": fill.quote.ref,
        "settlement": fill.settlement.ref,
        "pair": fill.rfq.pair.code,
        "base_amount": plain(fill.base_amount, USDT.scale),
        "base_asset": USDT.code,
        "quote_asset": fill.rfq.pair.quote_asset_id,
        "reference": _reference(fill),
        "traded_at": _instant(fill.filled_at),
        "settled_at": _instant(fill.settlement.settled_at),
        "issued_at": _instant(issued_at),
        "audit_hash": hidden.hexdigest() if hidden else evidence.event.hex(),
        **own(fill, evidence),
        **_reversal(fill),
    }


def _reversal(fill: Fill) -> Facts:
    """When the trade was taken back, and by which request; nothing while it stands."""
    if fill.settlement.status != Settlement.Status.REVERSED:
        return {}
    made = fill.settlement.reversal
    return {"reversed_at": _instant(made.reversed_at), "reversal": made.request.ref}


def _client(fill: Fill, evidence: Evidence) -> Facts:
    return {
        "party": _party(fill.client),
        "side": fill.side,
        **_client_terms(fill),
        "cover_bps": _bps(fill.cover_bps),
        **_delivery(fill, evidence),
    }


def _lp(fill: Fill, _evidence: Evidence) -> Facts:
    return {"party": _party(fill.lp), "side": opposite(fill.side), **_lp_terms(fill)}


def _desk(fill: Fill, evidence: Evidence) -> Facts:
    own = _lp_terms(fill)
    return {
        "client": _party(fill.client),
        "lp": _party(fill.lp),
        "side": fill.side,
        **_client_terms(fill),
        **{f"lp_{name}": value for name, value in own.items()},
        "markup_amount": plain(fill.quote.markup_amount, fill.rfq.pair.quote_unit.scale),
        "cover_bps": _bps(fill.cover_bps),
        **_delivery(fill, evidence),
    }


def _client_terms(fill: Fill) -> Facts:
    return {
        "price": plain(fill.price, fill.rfq.pair.price_scale),
        "quote_amount": plain(fill.quote_amount, fill.rfq.pair.quote_unit.scale),
        "spread_bps": _bps(fill.spread_bps),
    }


def _lp_terms(fill: Fill) -> Facts:
    return {
        "price": plain(fill.lp_price, fill.rfq.pair.price_scale),
        "quote_amount": plain(fill.quote.lp_quote_amount, fill.rfq.pair.quote_unit.scale),
        "spread_bps": _bps(fill.lp_spread_bps),
    }


def _delivery(fill: Fill, evidence: Evidence) -> Facts:
    where = fill.settlement.destination
    balance = f"{evidence.chain}:{evidence.account}" if evidence.account else "balance"
    return {
        "destination": f"{where.chain}:{where.address}" if where else balance,
        "transaction": f"{evidence.chain}:{evidence.transaction}" if evidence.transaction else None,
    }


def _reference(fill: Fill) -> Facts | None:
    """The mid, when it was taken, and of which sources."""
    if not fill.reference:
        return None
    sources = fill.reference.get("sources") or []
    names = sorted(str(source.get("source") or source.get("name") or "") for source in sources)
    return {"mid": fill.reference["mid"], "taken_at": fill.reference["taken_at"], "sources": [n for n in names if n]}


def _party(party: Counterparty) -> Facts:
    return {"ref": party.ref, "name": party.name}


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at else None


def _bps(value: Decimal | None) -> str | None:
    return plain(value, 4) if value is not None else None
