"""REST for LPs: quote, improve, take back, pass, and say that one is there."""

from decimal import Decimal

from django.http import HttpRequest
from ninja import Query, Router
from ninja.responses import Status

from rfq import api_examples as examples
from rfq import errors, operations, shown
from rfq.api import lp_rfq_out
from rfq.api_shapes import HeartbeatIn, HeartbeatOut, LpQuote, LpRfq, PauseIn, PauseOut, QuoteIn, QuotesOut
from rfq.models import Quote
from rfq.queries import parties
from trading.lib import clock
from trading.lib.errors import NotFound
from users.api import Key, Ref
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import Paging, Party, part_of, party
from users.policies import MeaninglessReason

router = Router(tags=["quoting"])


@router.post(
    "/rfqs/{ref}/quotes",
    **call(
        LpQuote,
        errors.NotAnLp,
        errors.BadPrice,
        errors.BadLifetime,
        errors.NoSuchRfq,
        errors.Frozen,
        errors.LpPaused,
        errors.DeskPaused,
        errors.PairPaused,
        errors.OutsideHours,
        errors.NoReference,
        errors.PriceBand,
        errors.KeyReused,
        errors.RfqExpired,
        errors.RfqOver,
        summary="Quote a firm price",
        example=Example(examples.LP_QUOTE, examples.QUOTE_IN),
        status=201,
        writes=True,
    ),
)
def submit_quote(request: HttpRequest, ref: Ref, body: QuoteIn, key: Key) -> Status[LpQuote]:
    """No last look: while it lives, the client can trade on it. It replaces your earlier one on the same request."""
    dealer = _lp(request)
    made = operations.submit_quote(
        rfq_ref=ref,
        price=Decimal(body.price),
        actor=dealer.user,
        key=key,
        now=clock.now(),
        ttl_seconds=body.ttl_seconds,
    )
    return Status(201, _own(dealer, made))


@router.delete(
    "/rfqs/{ref}/quotes/live",
    **call(
        LpQuote,
        errors.NotAnLp,
        errors.NoSuchQuote,
        summary="Take your quote back",
        example=Example(examples.PULLED),
        writes=True,
    ),
)
def pull_quote(request: HttpRequest, ref: Ref) -> LpQuote:
    """Afterwards nobody can trade on it. What was accepted before stays traded: `no_such_quote` says so."""
    dealer = _lp(request)
    return _own(dealer, operations.pull_quote(rfq_ref=ref, actor=dealer.user, now=clock.now()))


@router.get(
    "/quotes",
    **call(
        QuotesOut,
        errors.NotAnLp,
        *OF_LISTS,
        summary="Your quotes and what became of them",
        example=Example(examples.QUOTES),
    ),
)
def list_quotes(request: HttpRequest, paging: Query[Paging]) -> QuotesOut:
    """Newest first. Of each you learn its own outcome only."""
    dealer, now = _lp(request), clock.now()
    quotes, older = part_of(parties.quotes_of(dealer.counterparty), paging)
    return QuotesOut(items=[LpQuote(**shown.lp_quote(row, row.rfq.pair, now=now)) for row in quotes], next=older)


@router.post(
    "/quotes/{ref}/confirmation",
    **call(
        LpQuote,
        errors.NotAnLp,
        errors.NoSuchQuote,
        errors.LpPaused,
        errors.DeskPaused,
        errors.PairPaused,
        errors.NoReference,
        errors.PriceBand,
        errors.RfqExpired,
        errors.RfqOver,
        errors.QuoteExpired,
        summary="Stand by a price given by phone",
        example=Example(examples.LP_QUOTE),
        writes=True,
    ),
)
def confirm_quote(request: HttpRequest, ref: Ref) -> LpQuote:
    """The desk took it down (`quote.entered`); from now on it is firm. To decline it, take it back."""
    dealer = _lp(request)
    return _own(dealer, operations.confirm_quote(quote_ref=ref, actor=dealer.user, now=clock.now()))


@router.post(
    "/rfqs/{ref}/pass",
    **call(
        LpRfq,
        errors.NotAnLp,
        errors.NoSuchRfq,
        errors.RfqExpired,
        errors.RfqOver,
        summary="Make no price on a request",
        example=Example(examples.PASSED),
        writes=True,
    ),
)
def pass_rfq(request: HttpRequest, ref: Ref) -> LpRfq:
    """Nobody else is told. You may still quote it."""
    dealer = _lp(request)
    operations.pass_rfq(rfq_ref=ref, actor=dealer.user, now=clock.now())
    return lp_rfq_out(parties.asked_of(dealer.counterparty).get(ref=ref), clock.now())


@router.post(
    "/heartbeat",
    **call(
        HeartbeatOut,
        errors.NotAnLp,
        errors.NoHeartbeat,
        errors.Frozen,
        summary="Say that your program is there",
        example=Example(examples.HEARTBEAT, examples.HEARTBEAT_IN),
        writes=True,
    ),
)
def beat(request: HttpRequest, body: HeartbeatIn) -> HeartbeatOut:
    """A promise to call again in time. When it is broken, your live quotes are pulled, until you quote anew."""
    dealer = _lp(request)
    made = operations.beat(ttl_seconds=body.ttl_seconds, actor=dealer.user, now=clock.now())
    return HeartbeatOut(last_at=made.last_at, due_at=made.due_at)


@router.delete(
    "/heartbeat",
    **call(
        HeartbeatOut,
        errors.NotAnLp,
        summary="Leave in good order",
        example=Example(examples.NO_HEARTBEAT),
        writes=True,
    ),
)
def stop_beating(request: HttpRequest) -> HeartbeatOut:
    """Your live quotes are pulled, and no heartbeat is expected any more."""
    made = operations.stop_beating(actor=_lp(request).user, now=clock.now())
    return HeartbeatOut(last_at=made.last_at, due_at=made.due_at)


@router.post(
    "/pause",
    **call(
        PauseOut,
        errors.NotAnLp,
        NotFound,
        operations.AlreadyPaused,
        MeaninglessReason,
        summary="Quote no more for a while",
        example=Example(examples.PAUSE, examples.PAUSE_IN),
        writes=True,
    ),
)
def pause(request: HttpRequest, body: PauseIn) -> PauseOut:
    """All your live quotes are pulled and you are asked for no prices, until you end it yourself."""
    dealer = _lp(request, "lp.own_pause")
    lp = dealer.counterparty.ref
    made = operations.pause_lp(lp_ref=lp, actor=dealer.user, reason=body.reason, now=clock.now())
    return PauseOut(paused_at=made.paused_at)


@router.delete(
    "/pause",
    **call(
        PauseOut,
        errors.NotAnLp,
        operations.NotYourPause,
        summary="Quote again",
        example=Example(examples.NO_PAUSE),
        writes=True,
    ),
)
def end_pause(request: HttpRequest) -> PauseOut:
    """Ends a pause of your own. One that the desk made is ended by two of its people."""
    made = operations.end_own_pause(actor=_lp(request, "lp.own_pause").user, now=clock.now())
    return PauseOut(paused_at=made.paused_at)


def _lp(request: HttpRequest, capability: str = "rfq.quote") -> Party:
    found = party(request, capability)
    if not found.is_lp:
        raise errors.NotAnLp
    return found


def _own(dealer: Party, quote: Quote) -> LpQuote:
    found = parties.lp_quote(dealer.counterparty, quote.pk)
    return LpQuote(**shown.lp_quote(found, found.rfq.pair, now=clock.now()))
