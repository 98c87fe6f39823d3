"""REST on requests and trades: a client asks and accepts, an LP sees what it is asked for. The bot's own operations."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest
from ninja import Query, Router
from ninja.responses import Status

from rfq import api_examples as examples
from rfq import errors, operations, shown
from rfq.api_shapes import (
    ClientFill,
    ClientQuote,
    ClientRfq,
    FillOut,
    FillsOut,
    LimitsOut,
    LpFill,
    LpQuote,
    LpRfq,
    PairOut,
    PairsOut,
    RfqIn,
    RfqOut,
    RfqsOut,
)
from rfq.models import Fill, Pair, Rfq, TradingTerms
from rfq.operations import RfqRequest
from rfq.queries import parties
from settlement.ledger import InsufficientBalance
from settlement.operations import TooMuchWaits
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.money import USDT
from users.api import Key, Ref
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import Paging, Party, part_of, party

router = Router(tags=["market"])
TRADES = ("rfq.accept", "rfq.quote", "settlement.own")
MARKET = ("rfq.request", "rfq.accept", "rfq.quote")
OF_SIZE = (errors.BelowMinimum, errors.AboveMaximum)
OF_MARKET = (errors.DeskPaused, errors.PairPaused, errors.OutsideHours, errors.NoReference)


@router.get("/pairs", **call(PairsOut, summary="What is traded, and your limits", example=Example(examples.PAIRS)))
def list_pairs(request: HttpRequest) -> PairsOut:
    """A client's limits come with each pair; without them it may not trade the pair."""
    reader = party(request, *MARKET)
    rows = parties.pairs(None if reader.is_lp else reader.counterparty)
    return PairsOut(items=[_pair(pair, terms) for pair, terms in rows])


@router.post(
    "/rfqs",
    **call(
        RfqOut,
        errors.NotAClient,
        errors.NoTerms,
        errors.BadSide,
        errors.BadAmount,
        *OF_SIZE,
        errors.UnknownPair,
        errors.NoAddress,
        errors.Frozen,
        *OF_MARKET,
        errors.KeyReused,
        errors.RfqConflict,
        summary="Ask for a price",
        example=Example(examples.ASKED, examples.RFQ_IN),
        status=201,
        writes=True,
    ),
)
def create_rfq(request: HttpRequest, body: RfqIn, key: Key) -> Status[ClientRfq]:
    """Ask all LPs. The same `client_rfq_id` with the same request is the same RFQ, whatever has become of it."""
    owner, now = party(request, "rfq.request"), clock.now()
    operations.claim_request_key(key=key, digest=_digest(body), actor=owner.user, now=now)
    asked = RfqRequest(
        pair=body.pair,
        side=body.side,
        amount=Decimal(body.amount),
        unit=body.unit,
        client_rfq_id=body.client_rfq_id,
        destination_ref=body.destination or "",
    )
    made = operations.create_rfq(actor=owner.user, request=asked, now=now)
    return Status(201, _client_rfq(_own_rfq(owner, made.ref), now))


@router.get(
    "/rfqs",
    **call(
        RfqsOut,
        *OF_LISTS,
        summary="A client's requests; for an LP those that it can quote now",
        example=Example(examples.RFQS),
    ),
)
def list_rfqs(request: HttpRequest, paging: Query[Paging]) -> RfqsOut:
    """Newest first. An LP learns neither who asks, nor whether anybody else quotes."""
    reader, now = party(request, *MARKET), clock.now()
    if reader.is_lp:
        live = parties.asked_of(reader.counterparty).filter(parties.is_live(now))
        rfqs, older = part_of(live, paging)
        return RfqsOut(items=[lp_rfq_out(rfq, now) for rfq in rfqs], next=older)
    rfqs, older = part_of(parties.client_rfqs(reader.counterparty), paging)
    return RfqsOut(items=[_client_rfq(rfq, now) for rfq in rfqs], next=older)


@router.get(
    "/rfqs/{ref}",
    **call(RfqOut, errors.NoSuchRfq, summary="One request and its prices", example=Example(examples.CLIENT_RFQ)),
)
def read_rfq(request: HttpRequest, ref: Ref) -> ClientRfq | LpRfq:
    """A client sees the firm all-in prices, the best first; an LP its own latest quote and nothing of others."""
    reader, now = party(request, *MARKET), clock.now()
    if not reader.is_lp:
        return _client_rfq(_own_rfq(reader, ref), now)
    found = parties.asked_of(reader.counterparty).filter(ref=ref).first()
    if found is None:
        raise errors.NoSuchRfq(ref=ref)
    return lp_rfq_out(found, now)


@router.post(
    "/rfqs/{ref}/cancellation",
    **call(
        RfqOut,
        errors.NotAClient,
        errors.NoSuchRfq,
        errors.RfqOver,
        summary="Withdraw a request",
        example=Example(examples.CANCELLED),
        writes=True,
    ),
)
def cancel_rfq(request: HttpRequest, ref: Ref) -> ClientRfq:
    """Its live quotes are done away with."""
    owner = party(request, "rfq.request")
    operations.cancel_rfq(rfq_ref=ref, actor=owner.user, now=clock.now())
    return _client_rfq(_own_rfq(owner, ref), clock.now())


@router.post(
    "/quotes/{ref}/acceptance",
    **call(
        FillOut,
        errors.NotAClient,
        *OF_SIZE,
        *OF_MARKET,
        errors.LpCap,
        errors.NoSuchQuote,
        errors.AlreadyFilled,
        errors.DailyLimit,
        errors.Frozen,
        InsufficientBalance,
        TooMuchWaits,
        errors.KeyReused,
        errors.QuoteGone,
        errors.QuoteUnconfirmed,
        errors.RfqOver,
        errors.QuoteExpired,
        summary="Trade on a quote",
        example=Example(examples.CLIENT_FILL),
        status=201,
        writes=True,
    ),
)
def accept_quote(request: HttpRequest, ref: Ref, key: Key) -> Status[ClientFill]:
    """All or nothing, and final. The same key for the same quote answers with the same fill."""
    owner = party(request, "rfq.accept")
    fill = operations.accept_quote(quote_ref=ref, actor=owner.user, key=key, now=clock.now())
    found = parties.client_fill(owner.counterparty, fill.pk)
    return Status(201, ClientFill(**shown.client_fill(found)))


@router.get("/fills", **call(FillsOut, *OF_LISTS, summary="Your trades, newest first", example=Example(examples.FILLS)))
def list_fills(request: HttpRequest, paging: Query[Paging]) -> FillsOut:
    """A client's at the all-in price, an LP's at its own."""
    reader = party(request, *TRADES)
    fills, older = part_of(parties.fills_of(reader.counterparty), paging)
    return FillsOut(items=[_fill(fill, reader) for fill in fills], next=older)


@router.get("/fills/{ref}", **call(FillOut, NotFound, summary="One trade", example=Example(examples.LP_FILL)))
def read_fill(request: HttpRequest, ref: Ref) -> ClientFill | LpFill:
    """Read one of the caller's own trades."""
    reader = party(request, *TRADES)
    fill = parties.fills_of(reader.counterparty).filter(ref=ref).first()
    if fill is None:
        raise NotFound
    return _fill(fill, reader)


def _digest(body: RfqIn) -> bytes:
    return hashlib.sha256(json.dumps(body.dict(), sort_keys=True).encode()).digest()


def _own_rfq(owner: Party, ref: str) -> Rfq:
    found = parties.client_rfq(owner.counterparty, ref)
    if found is None:
        raise errors.NoSuchRfq(ref=ref)
    return found


def _pair(pair: Pair, terms: TradingTerms | None) -> PairOut:
    limits = {name: shown.plain(getattr(terms, name), USDT.scale) for name in LimitsOut.model_fields} if terms else None
    return PairOut(
        code=pair.code,
        quote_currency=pair.quote_unit.code,
        quote_currency_scale=pair.quote_unit.scale,
        price_scale=pair.price_scale,
        tick=shown.plain(pair.tick, pair.price_scale),
        rfq_ttl_seconds=pair.rfq_ttl_seconds,
        quote_ttl_seconds=pair.quote_ttl_seconds,
        limits=LimitsOut(**limits) if limits else None,
    )


def _client_rfq(rfq: Rfq, now: datetime) -> ClientRfq:
    is_live = rfq.status in Rfq.LIVE and rfq.expires_at > now
    firm = shown.ranked(rfq, rfq.live_quotes, now=now) if is_live else []  # type: ignore[attr-defined]
    quotes = [ClientQuote(**shown.client_quote(quote, rfq.pair)) for quote in firm]
    return ClientRfq(
        **shown.client_rfq(rfq),
        status=rfq.status,
        best=quotes[0] if quotes else None,
        quotes=quotes,
        fill=rfq.fill.ref if hasattr(rfq, "fill") else None,
    )


def lp_rfq_out(rfq: Rfq, now: datetime) -> LpRfq:
    """A request for one of the LPs that were asked. Needs what `parties.asked_of` loads."""
    own = shown.latest(rfq.own_quotes)  # type: ignore[attr-defined]
    is_live = rfq.status in Rfq.LIVE and rfq.expires_at > now
    return LpRfq(
        **shown.lp_rfq(rfq),
        state="live" if is_live else "over",
        passed=rfq.passed_at is not None,  # type: ignore[attr-defined]
        quote=LpQuote(**shown.lp_quote(own, rfq.pair, now=now)) if own else None,
    )


def _fill(fill: Fill, reader: Party) -> ClientFill | LpFill:
    if reader.is_lp:
        return LpFill(**shown.lp_fill(fill))
    return ClientFill(**shown.client_fill(fill))
