"""REST on what waits for people: what can be proposed, and what the chain says about a payment."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from django.http import HttpRequest
from ninja import Path, Router, Schema
from ninja.responses import Status
from pydantic import Field

from settlement import operations
from settlement.models import PaymentCheck
from trading.lib import clock
from trading.lib.errors import NotFound
from users import capabilities
from users.api import READ, WRITE, Body, Key, Reason, Ref, Refusal, RequestOut, Short, actor, propose
from users.queries.scopes import within

router = Router(tags=["desk"])
# By name: the description would mix up all enumerations that are called Status, or Kind.
CheckKind = Literal["paid", "void"]
CheckStatus = Literal["asked", "verified", "refused"]
Adjusted = Annotated[str, Path(pattern=r"^(LEDGER|CPY-[A-Z0-9]{4,12})$")]
Word = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,80}$")]
Act = Literal[
    "settlement.release",
    "settlement.cancel",
    "settlement.settle_manually",
    "settlement.resend",
    "settlement.confirm_payment",
    "settlement.take_other",
    "fill.reverse",
    "withdrawal.resend",
    "withdrawal.confirm_payment",
    "withdrawal.take_other",
    "withdrawal.give_up",
    "lp_payment.resend",
    "lp_payment.confirm_payment",
    "lp_payment.take_other",
    "lp_payment.give_up",
]
Detail = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,200}$")]


class Asking(Body):
    """A transaction that is said to have paid; none: whether the payment in review can still happen."""

    transaction: Word | None = None


class Proposing(Body):
    """What is proposed, with the details that are signed, why, and who is asked to decide it."""

    act: Act
    details: Annotated[dict[Short, Detail], Field(max_length=4, default_factory=dict)]
    reason: Reason
    secondary_approver: Short


class Adjustment(Body):
    """Two accounts of one asset, whole units in plain digits, where the evidence is, why, and who is to decide."""

    debit: Word
    credit: Word
    amount: Word
    evidence: Detail
    reason: Reason
    secondary_approver: Short


class CheckOut(Schema):
    """What the chain said of one of the three. `asked`: it has not answered yet; `refused`: `reason` says why."""

    ref: str
    settlement: str | None
    withdrawal: str | None
    lp_payment: str | None
    kind: CheckKind
    transfer: str | None
    transaction: str
    status: CheckStatus
    reason: str
    wallet: str | None
    block_number: int | None
    confirmations: int
    created_at: datetime
    updated_at: datetime


ASKED: dict[str, Any] = {"response": {202: CheckOut, **WRITE}, "summary": "Ask the chain about a payment"}
PROPOSED: dict[str, Any] = {"response": {202: RequestOut, **WRITE}, "summary": "Propose what two decide"}


@router.post("/lp-payments/{ref}/checks", **ASKED, operation_id="ask_about_lp_payment")
@router.post("/withdrawals/{ref}/checks", **ASKED, operation_id="ask_about_withdrawal")
@router.post("/settlements/{ref}/checks", **ASKED)
def ask(request: HttpRequest, ref: Ref, body: Asking) -> Status[CheckOut]:
    """The answer comes by `GET /api/checks/{ref}`. The same question again is the same check, unless it was refused."""
    who, now = actor(request), clock.now()
    if body.transaction is None:
        found = operations.ask_void(ref=ref, actor=who, now=now)
    else:
        found = operations.ask_payment(ref=ref, transaction=body.transaction, actor=who, now=now)
    return Status(202, _out(found))


@router.get("/checks/{ref}", response={200: CheckOut, **READ, 404: Refusal}, summary="What the chain said")
def read(request: HttpRequest, ref: Ref) -> CheckOut:
    """Read one check of a payment to somebody the caller serves."""
    reader = actor(request)
    capabilities.require(reader, "settlement.view")
    rows = PaymentCheck.objects.select_related("settlement", "withdrawal", "lp_payment", "wallet", "transfer")
    whose = within(reader, "settlement__client", "withdrawal__client", "lp_payment__lp")
    found = rows.filter(whose, ref=ref).first()
    if found is None:
        raise NotFound(ref=ref)
    return _out(found)


@router.post("/lp-payments/{ref}/proposals", **PROPOSED, operation_id="propose_about_lp_payment")
@router.post("/withdrawals/{ref}/proposals", **PROPOSED, operation_id="propose_about_withdrawal")
@router.post("/settlements/{ref}/proposals", **PROPOSED)
def propose_act(request: HttpRequest, ref: Ref, body: Proposing, key: Key) -> Status[RequestOut]:
    """Nothing happens until a second person decides: `POST /api/approvals/{ref}/decision`."""
    return propose(request, body.act, ref, body=body, key=key, payload=dict(body.details))


@router.post("/ledger/{ref}/adjustments", response={202: RequestOut, **WRITE}, summary="Propose a correction")
def propose_adjustment(request: HttpRequest, ref: Adjusted, body: Adjustment, key: Key) -> Status[RequestOut]:
    """`ref` is a counterparty, or `LEDGER` for the desk's own accounts. Nothing happens until somebody else decides."""
    details = body.dict(include={"debit", "credit", "amount", "evidence"})
    return propose(request, "ledger.adjust", ref, body=body, key=key, payload=details)


def _out(check: PaymentCheck) -> CheckOut:
    return CheckOut(
        ref=check.ref,
        settlement=check.settlement.ref if check.settlement else None,
        withdrawal=check.withdrawal.ref if check.withdrawal else None,
        lp_payment=check.lp_payment.ref if check.lp_payment else None,
        kind=cast("CheckKind", check.kind),
        transfer=check.transfer.ref if check.transfer else None,
        transaction=check.transaction,
        status=cast("CheckStatus", check.status),
        reason=check.reason,
        wallet=check.wallet.name if check.wallet else None,
        block_number=check.block_number,
        confirmations=check.confirmations,
        created_at=check.created_at,
        updated_at=check.updated_at,
    )
