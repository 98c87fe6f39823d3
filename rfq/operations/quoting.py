"""An LP answers with a firm quote, improves it, or takes it back."""

from datetime import datetime, timedelta
from decimal import Decimal

from rfq import pricing
from rfq.errors import (
    BadLifetime,
    BadPrice,
    Frozen,
    KeyReused,
    NoSuchQuote,
    NoSuchRfq,
    NotAnLp,
    RfqExpired,
    RfqOver,
)
from rfq.models import Pair, Quote, Rfq
from trading.lib import jobs
from trading.lib.clock import DatabaseClock
from trading.lib.jobs import Later
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User

SHORTEST, LONGEST = 10, 60
HIGHEST_PRICE = Decimal(10) ** 9


@operation
def submit_quote(
    *, rfq_ref: str, price: Decimal, actor: User, key: str, now: datetime, ttl_seconds: int | None = None
) -> Quote:
    """
    A firm quote: no last look. It replaces the LP's earlier one on the same RFQ.

    :param price: the LP's own, quote currency per USDT, on the pair's tick.
    :param key: the same key again is the same quote.
    :raises NotAnLp: the actor quotes for no LP.
    :raises Frozen: the LP may not trade at present.
    :raises NoSuchRfq: no such RFQ.
    :raises RfqOver: it is filled, cancelled or expired.
    :raises KeyReused: the LP quoted another RFQ or price with this key.
    :raises BadPrice: not positive, not on a tick, or the amounts come to nothing.
    :raises BadLifetime: outside 10 to 60 seconds.
    """
    capabilities.require(actor, "rfq.quote")
    lp = _lp_of(actor)
    rfq = _lock_rfq(rfq_ref)
    known = Quote.objects.select_related("rfq").filter(lp=lp, idempotency_key=key).first()
    if known is not None:
        if known.rfq_id != rfq.pk or known.price != price:
            raise KeyReused
        return known
    _require_live(rfq)
    seconds = _lifetime(rfq.pair, ttl_seconds)
    deal = _deal(rfq, price)
    earlier = Quote.objects.filter(rfq=rfq, lp=lp, status=Quote.Status.ACTIVE).first()
    if earlier is not None:
        earlier.move(Quote.Status.REPLACED, at=now)
    quote = Quote(
        rfq=rfq,
        lp=lp,
        quoted_by=actor,
        idempotency_key=key,
        price=price,
        all_in_price=deal.all_in_price,
        base_amount=deal.base_amount,
        quote_amount=deal.quote_amount,
        lp_quote_amount=deal.lp_quote_amount,
        markup_amount=deal.markup_amount,
        created_at=now,
        updated_at=now,
        valid_until=min(now + timedelta(seconds=seconds), rfq.expires_at),
    )
    quote.save(force_insert=True)
    if rfq.status == Rfq.Status.OPEN:
        rfq.move(Rfq.Status.QUOTED, at=now)
    _record(quote, earlier, actor=actor, now=now)
    jobs.defer("rfq.sweep", later=Later(at=quote.valid_until))
    return quote


def _record(quote: Quote, earlier: Quote | None, *, actor: User, now: datetime) -> None:
    after: dict[str, object] = {
        "rfq": quote.rfq.ref,
        "price": str(quote.price),
        "all_in_price": str(quote.all_in_price),
        "valid_until": quote.valid_until.isoformat(),
    }
    before: dict[str, object] = {"quote": earlier.ref, "price": str(earlier.price)} if earlier else {}
    change = audit.Change(before=before, after=after, capability="rfq.quote")
    audit.record("quote.submitted", actor=actor, subject=quote, at=now, change=change)


def _lp_of(actor: User) -> Counterparty:
    lp = actor.counterparty
    if lp is None or lp.kind != Counterparty.Kind.LP:
        raise NotAnLp
    if lp.status != Counterparty.Status.ACTIVE:
        raise Frozen(counterparty=lp.name)
    return lp


def _lock_rfq(ref: str) -> Rfq:
    rows = Rfq.objects.select_related("pair__quote_asset").select_for_update(of=("self",))
    rfq = rows.filter(ref=ref).first()
    if rfq is None:
        raise NoSuchRfq(ref=ref)
    return rfq


def _require_live(rfq: Rfq) -> None:
    if rfq.status not in Rfq.LIVE:
        raise RfqOver(ref=rfq.ref)
    if not Rfq.objects.filter(pk=rfq.pk, expires_at__gt=DatabaseClock()).exists():
        raise RfqExpired(ref=rfq.ref)


def _lifetime(pair: Pair, asked: int | None) -> int:
    seconds = pair.quote_ttl_seconds if asked is None else asked
    if not SHORTEST <= seconds <= LONGEST:
        raise BadLifetime(minimum=SHORTEST, maximum=LONGEST)
    return seconds


def _deal(rfq: Rfq, price: Decimal) -> pricing.Deal:
    pair = rfq.pair
    refusal = BadPrice(price=price, pair=pair.code, tick=pair.tick)
    if not price.is_finite() or not 0 < price < HIGHEST_PRICE or price != price.quantize(pair.tick):
        raise refusal
    wanted = pricing.Wanted(rfq.side, rfq.base_amount, rfq.quote_amount)
    deal = pricing.deal(wanted, price=price, markup_bps=rfq.markup_bps, tick=pair.tick, fiat=pair.quote_unit)
    if deal is None:
        raise refusal
    return deal


@operation
def pull_quote(*, rfq_ref: str, actor: User, now: datetime) -> Quote:
    """
    Take the LP's live quote on an RFQ back.

    :raises NotAnLp: the actor quotes for no LP.
    :raises NoSuchQuote: the LP has no live quote there.
    """
    capabilities.require(actor, "rfq.quote")
    lp = actor.counterparty
    if lp is None or lp.kind != Counterparty.Kind.LP:
        raise NotAnLp
    rfq = Rfq.objects.select_for_update().filter(ref=rfq_ref).first()
    quote = Quote.objects.select_related("rfq").filter(rfq=rfq, lp=lp, status=Quote.Status.ACTIVE).first()
    if rfq is None or quote is None:
        raise NoSuchQuote
    quote.move(Quote.Status.PULLED, at=now)
    reopen_if_unquoted(rfq, now=now)
    change = audit.Change(after={"rfq": rfq.ref, "status": quote.status}, capability="rfq.quote")
    audit.record("quote.pulled", actor=actor, subject=quote, at=now, change=change)
    return quote


def reopen_if_unquoted(rfq: Rfq, *, now: datetime) -> None:
    """A quoted RFQ without a live quote is open again. Assumes the RFQ locked."""
    live = Quote.objects.filter(rfq=rfq, status=Quote.Status.ACTIVE)
    if rfq.status == Rfq.Status.QUOTED and not live.exists():
        rfq.move(Rfq.Status.OPEN, at=now)
