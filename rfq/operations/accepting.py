"""
The hot path: a client accepts a quote, and the trade is made. One transaction, eight round trips.

Order of locks: the client's row (limits and balance are checked under it), the LP's terms where they
have a cap, then RFQ and quote. The quote is taken by a statement that compares its deadline, and the end
of the client's trading hours, with the database's clock *after* all locks are held, so what ended while
this waited is refused.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Case, DecimalField, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from rfq import pricing
from rfq.errors import (
    AlreadyFilled,
    DailyLimit,
    Frozen,
    KeyReused,
    NoSuchQuote,
    NotAClient,
    QuoteExpired,
    QuoteGone,
    QuoteUnconfirmed,
    RfqOver,
)
from rfq.models import DailyNotional, Fill, Heartbeat, LpTerms, Quote, Rfq, TradingHours, TradingTerms
from rfq.models.trading import Side
from rfq.operations.gates import closing_of, lock_cap, require_within, why_stopped
from rfq.operations.requesting import check_size
from rfq.operations.taking import Taken, take
from rfq.references import Reference, loaded_reference, why_lapsed
from settlement.operations import Terms, open_settlement
from trading.lib.clock import DatabaseClock
from trading.lib.errors import DeskError
from trading.lib.ids import new_ref
from trading.lib.operations import operation
from trading.lib.prepared import Given, Read
from users import audit, capabilities
from users.models import Counterparty, User

Status = Quote.Status
AMOUNT = DecimalField(max_digits=24, decimal_places=6)


@operation
def accept_quote(*, quote_ref: str, actor: User, key: str, now: datetime) -> Fill:
    """
    Take a quote: the fill, its settlement with the holds, one audit event and the jobs, or nothing.

    :param key: the same client accepting with the same key again gets the same fill.
    :raises NoSuchQuote: not a quote on one of the actor's client's RFQs.
    :raises QuoteExpired: its time was over when it was to be taken.
    :raises QuoteGone: it was pulled or replaced, or its LP does not trade at present.
    :raises DeskPaused: the whole desk does not trade at present.
    :raises PairPaused: the pair is not traded at present.
    :raises OutsideHours: the client's trading hours were over when it was to be taken.
    :raises LpCap: the LP's unsettled trades would exceed its cap.
    :raises QuoteUnconfirmed: the desk took it down from a phone call, and its LP has not confirmed it.
    :raises AlreadyFilled: the RFQ was traded by another accept.
    :raises KeyReused: the client traded another quote with this key.
    :raises RfqOver: the RFQ was cancelled or expired.
    :raises Frozen: the client may not trade at present.
    :raises NoReference: nobody can tell what the pair is worth at present.
    :raises BelowMinimum: smaller than the client's minimum.
    :raises AboveMaximum: larger than the client's maximum.
    :raises DailyLimit: the day's notional would be exceeded.
    :raises InsufficientBalance: neither balance nor credit line covers it.
    :raises TooMuchWaits: too many deliveries wait for people, or one for too long.
    """
    capabilities.require(actor, "rfq.accept")
    terms = _lock_client(quote_ref, actor)
    cap = lock_cap(terms.capped_lp)  # type: ignore[attr-defined]
    quote = _lock_quote(quote_ref, key=key, now=now)
    rfq = quote.rfq
    if rfq.status == Rfq.Status.FILLED:
        return _replay(rfq, quote, key)
    if quote.is_key_used:  # type: ignore[attr-defined]
        raise KeyReused
    _check_open(quote, terms.counterparty)
    reference = loaded_reference(rfq.pair, now=now)
    _check_limits(quote, terms)
    require_within(cap, quote.base_amount)
    hours = getattr(terms.counterparty, "trading_hours", None)
    closes = closing_of(hours, now)
    taken = take(quote, closes=closes, now=now)
    if taken is None:
        raise _why_not(quote, hours, closes)
    fill = _book(quote, taken, terms.counterparty, reference, actor=actor, key=key, now=now)
    change = audit.Change(after=_facts(fill), capability="rfq.accept")
    audit.record("fill.booked", actor=actor, subject=fill, at=now, change=change)
    return fill


def _lock_client(quote_ref: str, actor: User) -> TradingTerms:
    client = actor.counterparty
    if client is None or client.kind != Counterparty.Kind.CLIENT:
        raise NotAClient
    terms = CLIENT_LOCKED.first(client=client.pk, quote_ref=quote_ref)
    if terms is None:
        raise NoSuchQuote
    return terms


def _lock_quote(quote_ref: str, *, key: str, now: datetime) -> Quote:
    return QUOTE_LOCKED.one(ref=quote_ref, key=key, today=now.astimezone(UTC).date())


def _client_to_lock() -> QuerySet[TradingTerms]:
    capped = LpTerms.objects.filter(lp__quotes__ref=Given("quote_ref"), unsettled_cap__isnull=False)
    quotes = Quote.objects.filter(ref=Given("quote_ref"), rfq__counterparty=Given("client"), rfq__pair=OuterRef("pair"))
    return (
        TradingTerms.objects.select_related("counterparty__trading_hours")
        .annotate(capped_lp=Subquery(capped.values("lp")[:1]))
        .select_for_update(of=("counterparty",))
        .filter(Exists(quotes), counterparty=Given("client"))
    )


def _quote_to_lock() -> QuerySet[Quote]:
    day = DailyNotional.objects.filter(client=OuterRef("rfq__counterparty"), day=Given("today"))
    traded = Coalesce(Subquery(day.values("base_amount")), Value(Decimal(0)), output_field=AMOUNT)
    related = ("rfq__pair__quote_asset", "rfq__pair__reference_state__latest", "rfq__destination", "lp")
    used = Exists(Fill.objects.filter(client=OuterRef("rfq__counterparty"), idempotency_key=Given("key")))
    rows = Quote.objects.select_related(*related).annotate(traded_today=traded, is_key_used=used, **_quoted_at())
    return rows.select_for_update(of=("rfq", "self")).filter(ref=Given("ref"))


def _quoted_at() -> dict[str, Subquery]:
    """When the RFQ had its first quote, and when the best one it ever had."""
    quotes: QuerySet[Quote] = Quote.objects.filter(rfq=OuterRef("rfq")).exclude(
        status__in=[Status.REJECTED, Status.ENTERED]
    )
    for_client = F("all_in_price") * Case(When(rfq__side=Side.BUY, then=Value(1)), default=Value(-1))
    first, best = quotes.order_by("pk"), quotes.order_by(for_client, "pk")
    return {
        "first_quoted_at": Subquery(first.values("created_at")[:1]),
        "best_quoted_at": Subquery(best.values("created_at")[:1]),
    }


CLIENT_LOCKED, QUOTE_LOCKED = Read(_client_to_lock), Read(_quote_to_lock)


def _replay(rfq: Rfq, quote: Quote, key: str) -> Fill:
    fill = Fill.objects.select_related("settlement", "rfq", "quote").get(rfq=rfq)
    if fill.quote_id == quote.pk and fill.idempotency_key == key:
        return fill
    raise AlreadyFilled(ref=rfq.ref)


def _check_open(quote: Quote, client: Counterparty) -> None:
    if client.status != Counterparty.Status.ACTIVE:
        raise Frozen(counterparty=client.name)
    if quote.lp.status != Counterparty.Status.ACTIVE:
        raise QuoteGone


def _check_limits(quote: Quote, terms: TradingTerms) -> None:
    check_size(quote.base_amount, terms)
    left = terms.daily_notional - quote.traded_today  # type: ignore[attr-defined]
    if quote.base_amount > left:
        raise DailyLimit(limit=terms.daily_notional, left=max(left, Decimal(0)))


def _why_not(quote: Quote, hours: TradingHours | None, closes: datetime | None) -> DeskError:
    if quote.rfq.status not in Rfq.LIVE:
        return RfqOver(ref=quote.rfq.ref)
    if quote.status in {Status.PULLED, Status.REPLACED}:
        return QuoteGone()
    if quote.status == Status.ENTERED:
        return QuoteUnconfirmed()
    if Heartbeat.objects.filter(lp=quote.lp, due_at__lte=DatabaseClock()).exists():
        return QuoteGone()
    return why_stopped(quote, hours, closes) or why_lapsed(quote.rfq.pair) or QuoteExpired()


def _book(
    quote: Quote, taken: Taken, client: Counterparty, reference: Reference, *, actor: User, key: str, now: datetime
) -> Fill:
    rfq, fill_ref = quote.rfq, new_ref("FIL")
    terms = Terms(
        trade_ref=fill_ref,
        client=client,
        lp=quote.lp,
        side=rfq.side,
        base_amount=quote.base_amount,
        quote_asset=rfq.pair.quote_asset,
        quote_amount=quote.quote_amount,
        lp_quote_amount=quote.lp_quote_amount,
        markup_amount=quote.markup_amount,
        price=quote.all_in_price,
        destination=rfq.destination,
    )
    fill = Fill(
        ref=fill_ref,
        rfq=rfq,
        quote=quote,
        client=client,
        lp=quote.lp,
        accepted_by=actor,
        idempotency_key=key,
        side=rfq.side,
        base_amount=quote.base_amount,
        quote_amount=quote.quote_amount,
        price=quote.all_in_price,
        lp_price=quote.price,
        filled_at=now,
        reference=reference.snapshot(),
        spread_bps=pricing.spread_bps(quote.all_in_price, mid=reference.mid, side=rfq.side),
        lp_spread_bps=pricing.spread_bps(quote.price, mid=reference.mid, side=rfq.side),
        cover_bps=taken.cover_price and pricing.distance_bps(quote.all_in_price, taken.cover_price),
        **_speeds(quote, taken),
    )
    open_settlement(terms=terms, trade=fill, now=now)
    return fill


def _speeds(quote: Quote, taken: Taken) -> dict[str, int]:
    """How fast LPs and client were. The clocks of two machines may differ a little: nothing is negative."""
    asked_at = quote.rfq.created_at
    return {
        "first_quote_ms": _milliseconds(quote.first_quoted_at - asked_at),  # type: ignore[attr-defined]
        "best_quote_ms": _milliseconds(quote.best_quoted_at - asked_at),  # type: ignore[attr-defined]
        "decision_ms": _milliseconds(taken.at - quote.created_at),
        "quote_left_ms": _milliseconds(quote.valid_until - taken.at),
    }


def _milliseconds(time: timedelta) -> int:
    return max(0, round(time / timedelta(milliseconds=1)))


def _facts(fill: Fill) -> dict[str, object]:
    return {
        "rfq": fill.rfq.ref,
        "quote": fill.quote.ref,
        "settlement": fill.settlement.ref,
        "settlement_status": fill.settlement.status,
        "side": fill.side,
        "base_amount": str(fill.base_amount),
        "quote_amount": str(fill.quote_amount),
        "price": str(fill.price),
        "lp_price": str(fill.lp_price),
    }
