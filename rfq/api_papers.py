"""REST on papers: a party's statements as files, and its signed receipts."""

import json
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from rfq import operations, periods
from rfq.operations.receipts import ReceiptNotYet
from rfq.papers import receipts, statements
from rfq.queries.statements import StatementTooLong
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.operations import Busy
from users.api import Ref
from users.api_calls import Example, call
from users.api_parties import party

router = Router(tags=["papers"])
OWN = "settlement.own"
CSV_EXAMPLE = ",".join(statements.COLUMNS)
RECEIPT: dict[str, Any] = {
    "format": "usdt-desk-receipt",
    "key": "9f86d081884c7d65",
    "receipt": {"version": "1", "receipt": "RCT-7KQ2M4TX", "for": "client", "fill": "FIL-Q4TX7K2M", "price": "0.9219"},
    "signature": "KmUTKP…==",
}


class ReceiptOut(Schema):
    """
    A signed receipt. Signed is `receipt` as JSON with sorted keys, no blanks, in UTF-8 (Ed25519, base64).

    `key` is one of those at `/receipts/keys`.
    """

    format: Literal["usdt-desk-receipt"]
    key: str
    receipt: dict[str, Any]
    signature: str


class Chosen(Schema):
    """Which statement: a month on the caller's clock (the running one by default), and in which form."""

    month: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$", description="`2026-10`")] = None
    format: Literal["csv", "pdf"] = "csv"


def _statement_call() -> dict[str, Any]:
    """A file, not JSON."""
    said = call(
        str,
        periods.NotAPeriod,
        periods.PeriodAhead,
        NotFound,
        StatementTooLong,
        summary="Your statement of account, as a file",
        example=Example(CSV_EXAMPLE),
    )
    binary = {"schema": {"type": "string", "format": "binary"}}
    said["openapi_extra"]["responses"][200] = {"content": {"text/csv": binary, "application/pdf": binary}}
    return said


@router.get("/statements", **_statement_call())
def read_statement(request: HttpRequest, chosen: Query[Chosen]) -> HttpResponse:
    """From opening to closing balance, and the trades: a client's at the all-in price, an LP's at its own."""
    reader, now = party(request, OWN), clock.now()
    named = [chosen.month] if chosen.month else []
    period = periods.read(named, time_zone=reader.user.time_zone, now=now)
    asked = statements.wanted(period.name, chosen.format, at=now)
    made = statements.make(reader.user, reader.counterparty, asked)
    response = HttpResponse(made.content, content_type=made.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


@router.get(
    "/fills/{ref}/receipt",
    **call(ReceiptOut, NotFound, ReceiptNotYet, Busy, summary="A trade's signed receipt", example=Example(RECEIPT)),
)
def read_receipt(request: HttpRequest, ref: Ref) -> dict[str, Any]:
    """It is issued when first asked for, and the same from then on."""
    reader = party(request, OWN)
    issued = operations.issue_receipt(trade_ref=ref, actor=reader.user, now=clock.now())
    whole: dict[str, Any] = json.loads(receipts.enveloped(issued))
    return whole
