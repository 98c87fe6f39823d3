"""A client asks for a price, by itself or by phone, or no longer wants one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError

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
    NotTheirTrader,
    RfqConflict,
    RfqOver,
    UnknownPair,
)
from rfq.models import Pair, Quote, Rfq, TradingTerms
from rfq.operations.deadlines import expire_at
from rfq.operations.gates import Gates, look
from rfq.references import loaded_reference
from settlement.models import PayoutAddress
from trading.lib import prepared
from trading.lib.errors import DeskError
from trading.lib.money import USDT, Unit
from trading.lib.operations import operation
from trading.lib.prepared import Given, Read
from users import audit, capabilities
from users.models import Counterparty, User
from users.operations import require_served

TO_BALANCE = "balance"
ONCE = "rfq_client_id_once"
INVITE = """
insert into rfq_invitation (rfq_id, lp_id, invited_at)
select %s, lp.id, %s from users_counterparty as lp left join rfq_lpterms as terms on terms.lp_id = lp.id
where lp.kind = 'lp' and lp.status = 'active' and terms.paused_at is null order by lp.id
"""
LARGEST = Decimal(10) ** 15
PAIRS = Read(lambda: Pair.objects.select_related("quote_asset", "reference_state__latest"))
TERMS = Read(lambda: TradingTerms.objects.filter(counterparty=Given("client"), pair=Given("pair")))
ASKED = Read(
    lambda: (
        Rfq.objects.select_related("pair__quote_asset", "counterparty", "destination")
        .filter(counterparty=Given("client"), client_rfq_id=Given("client_rfq_id"))
        .exclude(status=Rfq.Status.REJECTED)
    )
)


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


def create_rfq(*, actor: User, request: RfqRequest, now: datetime) -> Rfq:
    """
    Ask all LPs for a price. A well-formed request that is refused stays on record as rejected.

    :raises UnknownPair: there is no such pair.
    :raises DeskPaused: the whole desk does not trade at present.
    :raises PairPaused: the pair is not traded at present.
    :raises OutsideHours: not within the client's trading hours.
    :raises NotAClient: the actor trades for no client.
    :raises NoTerms: the client may not trade this pair.
    :raises Frozen: the client may not trade at present.
    :raises NoReference: nobody can tell what the pair is worth at present.
    :raises BadSide: neither buy nor sell.
    :raises BadAmount: not positive, or too many decimals.
    :raises BelowMinimum: smaller than the client's minimum.
    :raises AboveMaximum: larger than the client's maximum.
    :raises NoAddress: not an approved address of the client.
    :raises RfqConflict: the client's id was used for another request.
    """
    asked = _ask_once(request, trader=actor, entered_by=None, now=now)
    if isinstance(asked, DeskError):
        raise asked
    return asked


def enter_rfq(*, request: RfqRequest, trader: User, actor: User, now: datetime) -> Rfq:
    """
    Ask for a price for a client's trader who is on the phone. It is marked as entered by the desk.

    Only the client's own accept makes a trade of it.

    :raises NotTheirTrader: the trader may not ask for prices.
    :raises MissingCapability: the actor may not enter RFQs.
    :raises NotFound: the actor does not serve this client.
    :raises DeskError: whatever `create_rfq` refuses.
    """
    asked = _ask_once(request, trader=trader, entered_by=actor, now=now)
    if isinstance(asked, DeskError):
        raise asked
    return asked


def _ask_once(request: RfqRequest, *, trader: User, entered_by: User | None, now: datetime) -> Rfq | DeskError:
    """Ask; when the same request was made beside this one and came first, that is the answer."""
    try:
        return _ask(request=request, trader=trader, entered_by=entered_by, now=now)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) != ONCE:
            raise
    return _ask(request=request, trader=trader, entered_by=entered_by, now=now)


@operation
def _ask(*, request: RfqRequest, trader: User, entered_by: User | None, now: datetime) -> Rfq | DeskError:
    """Make the RFQ, or its record as rejected; the refusal is returned, to be raised once that is committed."""
    client = _client_that_may(trader, entered_by=entered_by)
    rfq = _new_rfq(request, client=client, trader=trader, now=now)
    rfq.entered_by = entered_by
    gates = look(client, key=request.client_rfq_id)
    if gates.has_said:
        return _same_or_conflict(_known(rfq), rfq, request)
    try:
        _admit(rfq, request, gates, now=now)
    except DeskError as refusal:
        return _reject(rfq, refusal, now=now)
    expire_at(rfq.expires_at)
    _record("rfq.created", rfq, now=now)
    _invite(rfq)
    return rfq


def _client_that_may(trader: User, *, entered_by: User | None) -> Counterparty:
    """The trader's client, if the trader may ask, or the one who enters it may, in the trader's name."""
    if entered_by is None:
        capabilities.require(trader, "rfq.request")
        return _client_of(trader)
    capabilities.require(entered_by, "rfq.enter")
    if not capabilities.holds(trader, "rfq.request"):
        raise NotTheirTrader(username=trader.username)
    client = _client_of(trader)
    require_served(entered_by, client.pk)
    return client


def _admit(rfq: Rfq, request: RfqRequest, gates: Gates, *, now: datetime) -> None:
    """Refuse what the client may not ask now; the rest of the RFQ is filled in."""
    if rfq.counterparty.status != Counterparty.Status.ACTIVE:
        raise Frozen(counterparty=rfq.counterparty.name)
    gates.require_open(rfq.pair)
    gates.closing(now)
    _apply_terms(rfq)
    loaded_reference(rfq.pair, now=now)
    rfq.destination = _destination(rfq.counterparty, request, now=now)


def _reject(rfq: Rfq, refusal: DeskError, *, now: datetime) -> DeskError:
    rfq.status, rfq.refusal = Rfq.Status.REJECTED, refusal.code
    _record("rfq.rejected", rfq, now=now)
    return refusal


def _invite(rfq: Rfq) -> None:
    """Ask every LP that may quote now. One query."""
    with prepared.cursor() as cursor:
        cursor.execute(INVITE, [rfq.pk, rfq.created_at])


def _record(name: str, rfq: Rfq, *, now: datetime) -> None:
    """Write the RFQ and the event of it."""
    actor, capability = rfq.requested_by, "rfq.request"
    if rfq.entered_by:
        actor, capability = rfq.entered_by, "rfq.enter"
    change = audit.Change(after=_facts(rfq), capability=capability)
    audit.record(name, actor=actor, subject=rfq, at=now, change=change, beside=rfq)


def _client_of(actor: User) -> Counterparty:
    client = actor.counterparty
    if client is None or client.kind != Counterparty.Kind.CLIENT:
        raise NotAClient
    return client


def _pair(code: str) -> Pair:
    pairs = {pair.code: pair for pair in PAIRS.rows()}
    if code not in pairs:
        raise UnknownPair(pair=code, pairs=", ".join(pair.quote_asset_id for pair in pairs.values() if pair.is_enabled))
    return pairs[code]


def _apply_terms(rfq: Rfq) -> None:
    terms = TERMS.first(client=rfq.counterparty_id, pair=rfq.pair_id)
    if terms is None:
        raise NoTerms(pair=rfq.pair.code)
    rfq.markup_bps = terms.markup_bps
    if rfq.base_amount is not None:
        check_size(rfq.base_amount, terms)


def _new_rfq(request: RfqRequest, *, client: Counterparty, trader: User, now: datetime) -> Rfq:
    pair = _pair(request.pair)
    if request.side not in {"buy", "sell"}:
        raise BadSide(side=request.side)
    unit = USDT if request.unit == USDT.code else pair.quote_unit
    if request.unit != unit.code:
        raise UnknownPair(pair=f"USDT/{request.unit}", pairs=pair.quote_asset_id)
    check_amount(request.amount, unit)
    is_base = unit == USDT
    return Rfq(
        counterparty=client,
        requested_by=trader,
        client_rfq_id=request.client_rfq_id,
        pair=pair,
        side=request.side,
        base_amount=request.amount if is_base else None,
        quote_amount=None if is_base else request.amount,
        markup_bps=Decimal(0),
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=pair.rfq_ttl_seconds),
    )


def check_amount(amount: Decimal, unit: Unit) -> None:
    """
    Whether it is an amount of that currency at all.

    :raises BadAmount: not positive, or too many decimals.
    """
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


def _known(rfq: Rfq) -> Rfq:
    """What the client asked before with the same id, whatever has become of its terms since."""
    return ASKED.one(client=rfq.counterparty_id, client_rfq_id=rfq.client_rfq_id)


def _same_or_conflict(known: Rfq, asked: Rfq, request: RfqRequest) -> Rfq:
    terms = ("pair_id", "side", "base_amount", "quote_amount")
    destination = known.destination.ref if known.destination else TO_BALANCE
    is_other_place = request.side == "buy" and request.destination_ref not in {"", destination}
    if is_other_place or any(getattr(known, name) != getattr(asked, name) for name in terms):
        raise RfqConflict
    return known


def _facts(rfq: Rfq) -> dict[str, object]:
    marks = {"for": rfq.requested_by.username} if rfq.entered_by else {}
    return marks | {
        "pair": rfq.pair.code,
        "side": rfq.side,
        "base_amount": str(rfq.base_amount) if rfq.base_amount is not None else None,
        "quote_amount": str(rfq.quote_amount) if rfq.quote_amount is not None else None,
        "destination": rfq.destination.ref if rfq.destination else TO_BALANCE,
        "client": rfq.counterparty.ref,
        "status": rfq.status,
        "refusal": rfq.refusal,
    }


@operation
def cancel_rfq(*, rfq_ref: str, actor: User, now: datetime) -> Rfq:
    """
    The client no longer wants a price; its live quotes are done away with.

    :raises NoSuchRfq: not one of the actor's client.
    :raises RfqOver: it is filled, cancelled or expired.
    """
    capabilities.require(actor, "rfq.request")
    locked = Rfq.objects.select_related("pair", "counterparty").select_for_update(of=("self",))
    rfq = locked.filter(ref=rfq_ref, counterparty=_client_of(actor)).first()
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
    live = Quote.objects.filter(rfq=rfq, status__in=Quote.LIVE)
    live.update(status=Quote.Status.DONE_AWAY, updated_at=now)
