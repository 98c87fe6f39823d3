"""An LP answers with a firm quote, or improves it, by itself or by phone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from rfq import pricing
from rfq.errors import (
    BadLifetime,
    BadPrice,
    Frozen,
    KeyReused,
    NoSuchQuote,
    NoSuchRfq,
    NotAnLp,
    NotTheirTrader,
    QuoteExpired,
    RfqExpired,
    RfqOver,
)
from rfq.models import Invitation, Pair, Quote, Rfq
from rfq.operations.deadlines import expire_at
from rfq.operations.gates import Gates, hold_open, look
from rfq.references import check_band, loaded_reference
from trading.lib.clock import DatabaseClock
from trading.lib.errors import DeskError
from trading.lib.operations import operation
from trading.lib.prepared import Given, Read
from users import audit, capabilities
from users.models import Counterparty, User
from users.operations import require_served

SHORTEST, LONGEST = 10, 60
HIGHEST_PRICE = Decimal(10) ** 9
LOCKED = Read(
    lambda: (
        Rfq.objects.select_related("pair__quote_asset", "pair__reference_policy", "pair__reference_state__latest")
        .select_for_update(of=("self",))
        .filter(ref=Given("ref"))
    )
)
SAID = Read(
    lambda: Quote.objects.filter(
        Q(idempotency_key=Given("key")) & ~Q(status=Quote.Status.REJECTED)
        | Q(rfq=Given("rfq"), status__in=[Quote.Status.ENTERED, Quote.Status.ACTIVE]),
        lp=Given("lp"),
    ).order_by("pk")
)


@dataclass(frozen=True, slots=True)
class Offer:
    """
    What an LP says.

    :param price: the LP's own, quote currency per USDT, on the pair's tick.
    :param key: the same key again is the same quote.
    :param ttl_seconds: how long it is firm, 10 to 60; the pair's usual time when not given.
    """

    rfq_ref: str
    price: Decimal
    key: str
    ttl_seconds: int | None = None


def submit_quote(
    *, rfq_ref: str, price: Decimal, actor: User, key: str, now: datetime, ttl_seconds: int | None = None
) -> Quote:
    """
    A firm quote: no last look. It replaces the LP's earlier one on the same RFQ.

    A well-formed one that is refused stays on record as rejected.

    :param price: the LP's own, quote currency per USDT, on the pair's tick.
    :param key: the same key again is the same quote.
    :raises NotAnLp: the actor quotes for no LP.
    :raises Frozen: the LP may not trade at present.
    :raises LpPaused: the LP is paused.
    :raises DeskPaused: the whole desk does not trade at present.
    :raises PairPaused: the pair is not traded at present.
    :raises OutsideHours: not within the LP's trading hours.
    :raises NoSuchRfq: no such RFQ.
    :raises RfqOver: it is filled, cancelled or expired.
    :raises KeyReused: the LP quoted another RFQ or price with this key.
    :raises BadPrice: not positive, not on a tick, or the amounts come to nothing.
    :raises BadLifetime: outside 10 to 60 seconds.
    :raises NoReference: nobody can tell what the pair is worth at present.
    :raises PriceBand: too far from what it is worth.
    """
    made = _offer(offer=Offer(rfq_ref, price, key, ttl_seconds), dealer=actor, entered_by=None, now=now)
    if isinstance(made, DeskError):
        raise made
    return made


def enter_quote(*, offer: Offer, dealer: User, actor: User, now: datetime) -> Quote:
    """
    Take down the quote of an LP's dealer who is on the phone. It is not firm until its LP confirms it.

    :raises NotTheirTrader: the dealer may not quote.
    :raises MissingCapability: the actor may not enter quotes.
    :raises NotFound: the actor does not serve this LP.
    :raises DeskError: whatever `submit_quote` refuses.
    """
    made = _offer(offer=offer, dealer=dealer, entered_by=actor, now=now)
    if isinstance(made, DeskError):
        raise made
    return made


@operation
def _offer(*, offer: Offer, dealer: User, entered_by: User | None, now: datetime) -> Quote | DeskError:
    """Make the quote, or its record as rejected; the refusal is returned, to be raised once that is committed."""
    lp = _lp_that_may(dealer, entered_by=entered_by)
    hold_open(lp)
    rfq = _lock_rfq(offer.rfq_ref)
    gates = look(lp, rfq.pk, key=offer.key)
    said = _said(rfq, lp, offer) if gates.has_said else []
    if known := _known(said, rfq, offer):
        return known
    quote = _new_quote(rfq, lp, offer, now=now)
    quote.quoted_by, quote.entered_by = dealer, entered_by
    try:
        _admit(quote, gates, now=now)
    except DeskError as refusal:
        return _reject(quote, refusal, now=now)
    quote.status = Quote.Status.ENTERED if entered_by else Quote.Status.ACTIVE
    earlier = _replace_earlier(quote, said, now=now)
    if not entered_by:
        _answered(quote, gates, now=now)
    expire_at(quote.valid_until)
    _record("quote.entered" if entered_by else "quote.submitted", quote, earlier, now=now)
    return quote


@operation
def confirm_quote(*, quote_ref: str, actor: User, now: datetime) -> Quote:
    """
    The LP stands by what the desk took down from its phone call: from now on the quote is firm.

    :raises NoSuchQuote: not one of the actor's LP that waits for this.
    :raises LpPaused: the LP is paused.
    :raises DeskPaused: the whole desk does not trade at present.
    :raises PairPaused: the pair is not traded at present.
    :raises RfqOver: the RFQ is filled, cancelled or expired.
    :raises QuoteExpired: its time is over.
    :raises NoReference: nobody can tell what the pair is worth at present.
    :raises PriceBand: too far from what it is worth by now.
    """
    capabilities.require(actor, "rfq.quote")
    lp = lp_of(actor)
    hold_open(lp)
    mine = Quote.objects.filter(ref=quote_ref, lp=lp)
    rfq_ref = mine.values_list("rfq__ref", flat=True).first()
    if rfq_ref is None:
        raise NoSuchQuote
    rfq = _lock_rfq(rfq_ref)
    quote = mine.select_related("rfq", "quoted_by").filter(status=Quote.Status.ENTERED).first()
    if quote is None:
        raise NoSuchQuote
    gates = look(lp, rfq.pk)
    gates.require_not_paused(lp)
    gates.require_open(rfq.pair)
    require_live(rfq, gates)
    if not mine.filter(valid_until__gt=DatabaseClock()).exists():
        raise QuoteExpired
    check_band(quote.price, loaded_reference(rfq.pair, now=now), rfq.pair.reference_policy)
    quote.rfq = rfq
    earlier = Quote.objects.filter(rfq=rfq, lp=lp, status=Quote.Status.ACTIVE).first()
    if earlier is not None:
        earlier.move(Quote.Status.REPLACED, at=now)
    quote.move(Quote.Status.ACTIVE, at=now)
    _answered(quote, gates, now=now)
    change = audit.Change(before=_before(earlier), after=_after(quote), capability="rfq.quote")
    audit.record("quote.confirmed", actor=actor, subject=quote, at=now, change=change)
    return quote


def _lp_that_may(dealer: User, *, entered_by: User | None) -> Counterparty:
    """The dealer's LP, if the dealer may quote, or the one who enters it may, in the dealer's name."""
    if entered_by is None:
        capabilities.require(dealer, "rfq.quote")
        return lp_of(dealer)
    capabilities.require(entered_by, "rfq.enter")
    if not capabilities.holds(dealer, "rfq.quote"):
        raise NotTheirTrader(username=dealer.username)
    lp = lp_of(dealer)
    require_served(entered_by, lp.pk)
    return lp


def _said(rfq: Rfq, lp: Counterparty, offer: Offer) -> list[Quote]:
    """What the LP said with this key, and what it says on this RFQ at present, oldest first. One query."""
    return SAID.rows(key=offer.key, rfq=rfq.pk, lp=lp.pk)


def _known(said: list[Quote], rfq: Rfq, offer: Offer) -> Quote | None:
    known = next((one for one in said if one.idempotency_key == offer.key), None)
    if known is None:
        return None
    if known.rfq_id != rfq.pk or known.price != offer.price:
        raise KeyReused
    known.rfq = rfq
    return known


def _new_quote(rfq: Rfq, lp: Counterparty, offer: Offer, *, now: datetime) -> Quote:
    seconds = _lifetime(rfq.pair, offer.ttl_seconds)
    deal = _deal(rfq, offer.price)
    return Quote(
        rfq=rfq,
        lp=lp,
        idempotency_key=offer.key,
        price=offer.price,
        all_in_price=deal.all_in_price,
        base_amount=deal.base_amount,
        quote_amount=deal.quote_amount,
        lp_quote_amount=deal.lp_quote_amount,
        markup_amount=deal.markup_amount,
        created_at=now,
        updated_at=now,
        valid_until=min(now + timedelta(seconds=seconds), rfq.expires_at),
    )


def _admit(quote: Quote, gates: Gates, *, now: datetime) -> None:
    """Refuse what this LP may not quote now; what it was judged by stays with it."""
    if quote.lp.status != Counterparty.Status.ACTIVE:
        raise Frozen(counterparty=quote.lp.name)
    gates.require_not_paused(quote.lp)
    gates.require_open(quote.rfq.pair)
    if closes := gates.closing(quote.created_at):
        quote.valid_until = min(quote.valid_until, closes)
    require_live(quote.rfq, gates)
    reference = loaded_reference(quote.rfq.pair, now=now)
    quote.reference = reference.snapshot()
    check_band(quote.price, reference, quote.rfq.pair.reference_policy)
    # Only now: the spread of a price however wrong may be more than can be kept.
    quote.spread_bps = pricing.spread_bps(quote.all_in_price, mid=reference.mid, side=quote.rfq.side)


def _reject(quote: Quote, refusal: DeskError, *, now: datetime) -> DeskError:
    quote.status, quote.refusal = Quote.Status.REJECTED, refusal.code
    _record("quote.rejected", quote, None, now=now)
    return refusal


def _replace_earlier(quote: Quote, said: list[Quote], *, now: datetime) -> Quote | None:
    """End what the LP said before on this RFQ; by phone it only ends what was said by phone."""
    earlier = [one for one in said if not quote.entered_by or one.status == Quote.Status.ENTERED]
    for one in earlier:
        one.move(Quote.Status.REPLACED, at=now)
    return earlier[-1] if earlier else None


def _answered(quote: Quote, gates: Gates, *, now: datetime) -> None:
    """The RFQ has a firm quote; an LP that came without being asked counts as asked."""
    if quote.rfq.status == Rfq.Status.OPEN:
        quote.rfq.move(Rfq.Status.QUOTED, at=now)
    if not gates.is_asked:
        Invitation.objects.bulk_create([Invitation(rfq=quote.rfq, lp=quote.lp, invited_at=now)], ignore_conflicts=True)


def _record(name: str, quote: Quote, earlier: Quote | None, *, now: datetime) -> None:
    """Write the quote and the event of it."""
    actor, capability = (quote.entered_by, "rfq.enter") if quote.entered_by else (quote.quoted_by, "rfq.quote")
    change = audit.Change(before=_before(earlier), after=_after(quote), capability=capability)
    audit.record(name, actor=actor, subject=quote, at=now, change=change, beside=quote)


def _before(earlier: Quote | None) -> dict[str, object]:
    return {"quote": earlier.ref, "price": str(earlier.price)} if earlier else {}


def _after(quote: Quote) -> dict[str, object]:
    marks: dict[str, object] = {"for": quote.quoted_by.username} if quote.entered_by_id else {}
    if quote.refusal:
        marks["refusal"] = quote.refusal
    return marks | {
        "rfq": quote.rfq.ref,
        "price": str(quote.price),
        "all_in_price": str(quote.all_in_price),
        "valid_until": quote.valid_until.isoformat(),
    }


def lp_of(dealer: User) -> Counterparty:
    """
    The LP the dealer quotes for.

    :raises NotAnLp: none.
    """
    lp = dealer.counterparty
    if lp is None or lp.kind != Counterparty.Kind.LP:
        raise NotAnLp
    return lp


def _lock_rfq(ref: str) -> Rfq:
    rfq = LOCKED.first(ref=ref)
    if rfq is None:
        raise NoSuchRfq(ref=ref)
    return rfq


def require_live(rfq: Rfq, gates: Gates) -> None:
    """
    Stop here unless the RFQ can still trade, by the database's clock.

    :param gates: looked at for this RFQ.

    :raises RfqOver: it is filled, cancelled or expired.
    """
    if rfq.status not in Rfq.LIVE:
        raise RfqOver(ref=rfq.ref)
    if not gates.is_timely:
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
