"""REST on settlements: each party reads its own side."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from settlement import queries, shown
from settlement.models import Settlement
from trading.lib.errors import NotFound
from users.api import Ref
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import Paging, Party, part_of, party

router = Router(tags=["settlements"])
OWN = "settlement.own"
Side = Literal["buy", "sell"]


Reversed = Annotated[
    datetime | None, Field(description="When two people of the desk took the trade back, if they did.")
]


class PaymentOut(Schema):
    """A payment on chain, and its transaction."""

    chain: str
    status: str
    tx_hash: str | None


class ClientSettlement(Schema):
    """A trade's delivery from the client's side. `destination` is one of its addresses, or `balance`."""

    party: Literal["client"] = "client"
    ref: str
    fill: str
    side: Side
    base_amount: str
    asset: str
    quote_amount: str
    destination: str
    status: str
    created_at: datetime
    settled_at: datetime | None
    reversed_at: Reversed
    payment: PaymentOut | None


class LpSettlement(Schema):
    """A trade's delivery from the LP's side: open, settled, cancelled or reversed."""

    party: Literal["lp"] = "lp"
    ref: str
    fill: str
    side: Side
    lp_side: Side
    base_amount: str
    asset: str
    quote_amount: str
    status: Literal["open", "settled", "cancelled", "reversed"]
    created_at: datetime
    settled_at: datetime | None
    reversed_at: Reversed


SettlementOut = Annotated[ClientSettlement | LpSettlement, Field(discriminator="party")]


class SettlementsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[SettlementOut]
    next: str | None


OF_CLIENT: dict[str, Any] = {
    "party": "client",
    "ref": "STL-2MTX7KQ4",
    "fill": "FIL-Q4TX7K2M",
    "side": "buy",
    "base_amount": "10847.163466",
    "asset": "EUR",
    "quote_amount": "10000.00",
    "destination": "ADR-TX7K2MQ4",
    "status": "settled",
    "created_at": "2026-11-26T09:41:12.480Z",
    "settled_at": "2026-11-26T09:41:19.204Z",
    "reversed_at": None,
    "payment": {"chain": "tron", "status": "final", "tx_hash": "c1f6…"},
}
OF_LP: dict[str, Any] = {
    "party": "lp",
    "ref": "STL-2MTX7KQ4",
    "fill": "FIL-Q4TX7K2M",
    "side": "buy",
    "lp_side": "sell",
    "base_amount": "10847.163466",
    "asset": "EUR",
    "quote_amount": "9979.39",
    "status": "settled",
    "created_at": "2026-11-26T09:41:12.480Z",
    "settled_at": "2026-11-26T09:41:19.204Z",
    "reversed_at": None,
}


@router.get(
    "/settlements",
    **call(
        SettlementsOut,
        *OF_LISTS,
        summary="Your settlements, newest first",
        example=Example({"items": [OF_CLIENT], "next": None}),
    ),
)
def list_settlements(request: HttpRequest, paging: Query[Paging]) -> SettlementsOut:
    """A client sees its delivery step by step, an LP its own side."""
    reader = party(request, OWN)
    found, older = part_of(_of(reader), paging)
    return SettlementsOut(items=[_out(settlement, reader) for settlement in found], next=older)


@router.get("/settlements/{ref}", **call(SettlementOut, NotFound, summary="One settlement", example=Example(OF_LP)))
def read_settlement(request: HttpRequest, ref: Ref) -> ClientSettlement | LpSettlement:
    """Read one of the caller's own."""
    reader = party(request, OWN)
    settlement = _of(reader).filter(ref=ref).first()
    if settlement is None:
        raise NotFound
    return _out(settlement, reader)


def _of(reader: Party) -> QuerySet[Settlement]:
    return queries.of_lp(reader.counterparty) if reader.is_lp else queries.of_client(reader.counterparty)


def _out(settlement: Settlement, reader: Party) -> ClientSettlement | LpSettlement:
    if reader.is_lp:
        return LpSettlement(**shown.lp_settlement(settlement))
    payment = shown.payment(settlement)
    return ClientSettlement(**shown.client_settlement(settlement), payment=PaymentOut(**payment) if payment else None)
