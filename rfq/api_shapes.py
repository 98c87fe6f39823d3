"""What the market's calls take and answer. Amounts and prices are strings, so that nobody's floats touch them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field, StringConstraints

from users.api import Body
from users.api_parties import Amount, Number, UnitCode

Price = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,10})?$")]
OwnId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
PairCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,8}/[A-Z]{2,8}$")]
Destination = Annotated[str, StringConstraints(pattern=r"^(balance|ADR-[A-Z0-9]{4,12})$")]
Side = Literal["buy", "sell"]


class RfqIn(Body):
    """What a client asks a price for: an amount of USDT or of the pair's currency."""

    pair: PairCode
    side: Annotated[Side, Field(description="What the client does with USDT.")]
    amount: Amount
    unit: Annotated[UnitCode, Field(description="The currency of `amount`: USDT or the pair's other one.")]
    client_rfq_id: Annotated[OwnId, Field(description="Your own id. Sent again it is the same RFQ.")]
    destination: Annotated[
        Destination | None,
        Field(description="Where bought USDT goes: an approved address, `balance`, or your oldest approved address."),
    ] = None


class QuoteIn(Body):
    """An LP's firm price, in quote currency per USDT."""

    price: Price
    ttl_seconds: Annotated[int | None, Field(ge=1, le=3600, description="How long it is firm; else the pair's.")] = None


class LimitsOut(Schema):
    """What the client may trade on a pair, in USDT."""

    minimum: Number
    maximum: Number
    daily_notional: Number


class PairOut(Schema):
    """A pair that is traded. `limits` are the client's; without them it may not trade the pair."""

    code: str
    quote_currency: str
    quote_currency_scale: int
    price_scale: int
    tick: Number
    rfq_ttl_seconds: int
    quote_ttl_seconds: int
    limits: LimitsOut | None


class PairsOut(Schema):
    """All pairs that are traded."""

    items: list[PairOut]


class ClientQuote(Schema):
    """A firm price for the client, everything included."""

    quote: str
    all_in_price: Number
    base_amount: Number
    quote_amount: Number
    valid_until: datetime


class ClientRfq(Schema):
    """A client's own request. `quotes` are those that are firm now, the best first, which `best` repeats."""

    party: Literal["client"] = "client"
    ref: str
    client_rfq_id: str
    pair: str
    side: Side
    amount: Number
    unit: str
    destination: str
    status: str
    refusal: Annotated[str | None, Field(description="Why a rejected one was refused: the code of that answer.")]
    created_at: datetime
    expires_at: datetime
    best: ClientQuote | None
    quotes: list[ClientQuote]
    fill: str | None


class HeartbeatIn(Body):
    """A promise to be heard from again."""

    ttl_seconds: Annotated[int, Field(ge=1, le=3600, description="Within how many seconds: 5 to 300.")]


class HeartbeatOut(Schema):
    """Until when the next one is due; null while none is."""

    last_at: datetime
    due_at: datetime | None


class PauseIn(Schema):
    """Why; at least 20 characters. It is kept as evidence."""

    reason: str


class PauseOut(Schema):
    """Since when you quote no more; null when you do."""

    paused_at: datetime | None


class LpQuote(Schema):
    """
    An LP's own quote. `status` is what became of it; `outcome`, once the request was traded, how it ended there:
    traded, tied, cover (the second best) or away. `refusal` says why a rejected one was refused.
    """

    quote: str
    rfq: str
    price: Number
    valid_until: datetime
    status: str
    outcome: str | None
    refusal: str | None


class LpRfq(Schema):
    """A request an LP is asked for a price on, and the LP's latest quote on it. `lp_side` is what the LP would do."""

    party: Literal["lp"] = "lp"
    ref: str
    pair: str
    side: Side
    lp_side: Side
    amount: Number
    unit: str
    state: Literal["live", "over"]
    expires_at: datetime
    passed: bool
    quote: LpQuote | None


RfqOut = Annotated[ClientRfq | LpRfq, Field(discriminator="party")]


class RfqsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[RfqOut]
    next: str | None


class QuotesOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[LpQuote]
    next: str | None


Reversed = Annotated[
    datetime | None, Field(description="When two people of the desk took the trade back, if they did.")
]


class ClientFill(Schema):
    """A trade from the client's side."""

    party: Literal["client"] = "client"
    ref: str
    rfq: str
    client_rfq_id: str
    quote: str
    settlement: str
    pair: str
    side: Side
    all_in_price: Number
    base_amount: Number
    quote_amount: Number
    filled_at: datetime
    reversed_at: Reversed


class LpFill(Schema):
    """A trade from the LP's side, at the LP's price."""

    party: Literal["lp"] = "lp"
    ref: str
    rfq: str
    quote: str
    settlement: str
    pair: str
    side: Side
    lp_side: Side
    price: Number
    base_amount: Number
    quote_amount: Number
    filled_at: datetime
    reversed_at: Reversed


FillOut = Annotated[ClientFill | LpFill, Field(discriminator="party")]


class FillsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[FillOut]
    next: str | None


class EventOut(Schema):
    """One thing that happened. `data` depends on `kind`; new kinds and fields may come, so leave unknown ones alone."""

    id: str
    kind: str
    subject: str
    at: datetime
    data: dict[str, Any]


class EventsOut(Schema):
    """Oldest first; `next` is the `after` of the following call, also when there was nothing."""

    items: list[EventOut]
    next: str | None
    more: bool
