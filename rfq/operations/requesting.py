"""A client asks for a price, or no longer wants one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction

from rfq.errors import (
    AboveMaximum,
    BadAmount,
    BadSide,
    BelowMinimum,
    Frozen,
    NoAddress,
    NoSuchRfq,
    NotAClient,
    NoTerms,
    RfqConflict,
    RfqOver,
    UnknownPair,
)
from rfq.models import Pair, Quote, Rfq, TradingTerms
from settlement.models import PayoutAddress
from trading.lib import jobs
from trading.lib.jobs import Later
from trading.lib.money import USDT, Unit
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User

TO_BALANCE = "balance"
LARGEST = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class RfqRequest:
    """
    What a client asks.

    :param unit: the currency the amount is in, USDT or the pair's fiat.
    :param client_rfq_id: the client's own id; the same one with the same request is the same RFQ.
    :param destination_ref: where bought USDT goes: an address's ref, ``balance``, or nothing for
        the client's oldest approved address (the balance when there is none).
    """

    pair: str
    side: str
    amount: Decimal
    unit: str
    client_rfq_id: str
    destination_ref: str = ""


@operation
def create_rfq(*, actor: User, request: RfqRequest, now: datetime) -> Rfq:
    """
    Ask all LPs for a price.

    :raises UnknownPair: the pair is not traded.
    :raises NotAClient: the actor trades for no client.
    :raises NoTerms: the client may not trade this pair.
    :raises Frozen: the client may not trade at present.
    :raises BadSide: neither buy nor sell.
    :raises BadAmount: not positive, or too many decimals.
    :raises BelowMinimum: smaller than the client's minimum.
    :raises AboveMaximum: larger than the client's maximum.
    :raises NoAddress: not an approved address of the client.
    :raises RfqConflict: the client's id was used for another request.
    """
    capabilities.require(actor, "rfq.request")
    client = _client_of(actor)
    rfq = _new_rfq(request, client=client, actor=actor, now=now)
    if known := _known(rfq):
        return _same_or_conflict(known, rfq, request)
    if client.status != Counterparty.Status.ACTIVE:
        raise Frozen(counterparty=client.name)
    _apply_terms(rfq)
    rfq.destination = _destination(client, request, now=now)
    if known := _insert_or_known(rfq):
        return _same_or_conflict(known, rfq, request)
    change = audit.Change(after=_facts(rfq), capability="rfq.request")
    audit.record("rfq.created", actor=actor, subject=rfq, at=now, change=change)
    jobs.defer("rfq.sweep", later=Later(at=rfq.expires_at))
    return rfq


def _client_of(actor: User) -> Counterparty:
    client = actor.counterparty
    if client is None or client.kind != Counterparty.Kind.CLIENT:
        raise NotAClient
    return client


def _pair(code: str) -> Pair:
    pairs = {pair.code: pair for pair in Pair.objects.select_related("quote_asset").filter(is_enabled=True)}
    if code not in pairs:
        raise UnknownPair(pair=code, pairs=", ".join(pair.quote_asset_id for pair in pairs.values()))
    return pairs[code]


def _apply_terms(rfq: Rfq) -> None:
    terms = TradingTerms.objects.filter(counterparty=rfq.counterparty, pair=rfq.pair).first()
    if terms is None:
        raise NoTerms(pair=rfq.pair.code)
    rfq.markup_bps = terms.markup_bps
    if rfq.base_amount is not None:
        check_size(rfq.base_amount, terms)


def _new_rfq(request: RfqRequest, *, client: Counterparty, actor: User, now: datetime) -> Rfq:
    pair = _pair(request.pair)
    if request.side not in {"buy", "sell"}:
        raise BadSide(side=request.side)
    unit = USDT if request.unit == USDT.code else pair.quote_unit
    if request.unit != unit.code:
        raise UnknownPair(pair=f"USDT/{request.unit}", pairs=pair.quote_asset_id)
    _check_amount(request.amount, unit)
    is_base = unit == USDT
    return Rfq(
        counterparty=client,
        requested_by=actor,
        client_rfq_id=request.client_rfq_id,
        pair=pair,
        side=request.side,
        base_amount=request.amount if is_base else None,
        quote_amount=None if is_base else request.amount,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=pair.rfq_ttl_seconds),
    )


def _check_amount(amount: Decimal, unit: Unit) -> None:
    is_sane = amount.is_finite() and 0 < amount < LARGEST
    if not is_sane or amount != amount.quantize(unit.step):
        raise BadAmount(amount=amount, unit=unit.code, scale=unit.scale)


def check_size(base_amount: Decimal, terms: TradingTerms) -> None:
    """
    The size limits of a client, once the USDT amount is known.

    :raises BelowMinimum: too small.
    :raises AboveMaximum: too large.
    """
    if base_amount < terms.minimum:
        raise BelowMinimum(minimum=terms.minimum)
    if base_amount > terms.maximum:
        raise AboveMaximum(maximum=terms.maximum)


def _destination(client: Counterparty, request: RfqRequest, *, now: datetime) -> PayoutAddress | None:
    if request.side == "sell" or request.destination_ref == TO_BALANCE:
        return None
    usable = PayoutAddress.objects.filter(counterparty=client, revoked_at=None, usable_from__lte=now)
    if not request.destination_ref:
        return usable.order_by("pk").first()
    address = usable.filter(ref=request.destination_ref).first()
    if address is None:
        raise NoAddress
    return address


def _known(rfq: Rfq) -> Rfq | None:
    """What the client asked before with the same id, whatever has become of its terms since."""
    rows = Rfq.objects.select_related("pair__quote_asset", "counterparty", "destination")
    return rows.filter(counterparty=rfq.counterparty, client_rfq_id=rfq.client_rfq_id).first()


def _insert_or_known(rfq: Rfq) -> Rfq | None:
    try:
        with transaction.atomic():
            rfq.save(force_insert=True)
    except IntegrityError:
        known = _known(rfq)
        if known is None:
            raise
        return known
    return None


def _same_or_conflict(known: Rfq, asked: Rfq, request: RfqRequest) -> Rfq:
    terms = ("pair_id", "side", "base_amount", "quote_amount")
    destination = known.destination.ref if known.destination else TO_BALANCE
    is_other_place = request.side == "buy" and request.destination_ref not in {"", destination}
    if is_other_place or any(getattr(known, name) != getattr(asked, name) for name in terms):
        raise RfqConflict
    return known


def _facts(rfq: Rfq) -> dict[str, object]:
    return {
        "pair": rfq.pair.code,
        "side": rfq.side,
        "base_amount": str(rfq.base_amount) if rfq.base_amount is not None else None,
        "quote_amount": str(rfq.quote_amount) if rfq.quote_amount is not None else None,
        "destination": rfq.destination.ref if rfq.destination else TO_BALANCE,
        "client": rfq.counterparty.ref,
    }


@operation
def cancel_rfq(*, rfq_ref: str, actor: User, now: datetime) -> Rfq:
    """
    The client no longer wants a price; its live quotes are done away with.

    :raises NoSuchRfq: not one of the actor's client.
    :raises RfqOver: it is filled, cancelled or expired.
    """
    capabilities.require(actor, "rfq.request")
    rows = Rfq.objects.select_related("pair", "counterparty").select_for_update(of=("self",))
    rfq = rows.filter(ref=rfq_ref, counterparty=_client_of(actor)).first()
    if rfq is None:
        raise NoSuchRfq(ref=rfq_ref)
    if rfq.status not in Rfq.LIVE:
        raise RfqOver(ref=rfq.ref)
    close_quotes(rfq, now=now)
    rfq.move(Rfq.Status.CANCELLED, at=now)
    change = audit.Change(after={"status": rfq.status}, capability="rfq.request")
    audit.record("rfq.cancelled", actor=actor, subject=rfq, at=now, change=change)
    return rfq


def close_quotes(rfq: Rfq, *, now: datetime) -> None:
    """Its live quotes lost, whoever they are from. Assumes the RFQ locked."""
    live = Quote.objects.filter(rfq=rfq, status=Quote.Status.ACTIVE)
    live.update(status=Quote.Status.DONE_AWAY, updated_at=now)
