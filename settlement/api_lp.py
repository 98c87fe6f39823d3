"""REST on what is paid between the desk and an LP: the LP reads its own."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema

from settlement import lp_positions, shown
from settlement.models import LpPayment
from trading.lib.errors import NotFound
from users.api import Ref
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import Paging, part_of, party

router = Router(tags=["settlements"])
OWN = "lp_payment.own"


class LpPaymentOut(Schema):
    """A payment between the desk and the LP. `received` is what came of one the LP makes."""

    ref: str
    direction: Literal["to_lp", "to_desk"]
    asset: str
    amount: str
    received: str | None
    way: str
    reference: str | None
    status: str
    created_at: datetime
    updated_at: datetime


class LpPaymentsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[LpPaymentOut]
    next: str | None


PAYMENT: dict[str, Any] = {
    "ref": "LPP-7KQ2M4TX",
    "direction": "to_lp",
    "asset": "EUR",
    "amount": "9979.39",
    "received": None,
    "way": "BNK-TX7K2MQ4",
    "reference": "SEPA-2026-4711",
    "status": "sent",
    "created_at": "2026-11-26T16:00:02.120Z",
    "updated_at": "2026-11-26T16:31:40.900Z",
}


@router.get(
    "/lp-payments",
    **call(
        LpPaymentsOut,
        *OF_LISTS,
        summary="What is paid between you and the desk, newest first",
        example=Example({"items": [PAYMENT], "next": None}),
    ),
)
def list_lp_payments(request: HttpRequest, paging: Query[Paging]) -> LpPaymentsOut:
    """An LP's: what the desk pays once two have approved it, what the LP is to pay at once."""
    reader = party(request, OWN)
    found, older = part_of(lp_positions.of_lp(reader.counterparty), paging)
    return LpPaymentsOut(items=[_out(row) for row in found], next=older)


@router.get("/lp-payments/{ref}", **call(LpPaymentOut, NotFound, summary="One payment", example=Example(PAYMENT)))
def read_lp_payment(request: HttpRequest, ref: Ref) -> LpPaymentOut:
    """Read one of the caller's own."""
    row = lp_positions.of_lp(party(request, OWN).counterparty).filter(ref=ref).first()
    if row is None:
        raise NotFound
    return _out(row)


def _out(row: LpPayment) -> LpPaymentOut:
    return LpPaymentOut(**shown.lp_payment(row))
