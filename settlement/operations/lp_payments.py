"""
Netting what desk and LP owe each other, and the payment that settles it.

One of operations writes down what is to be paid, in either direction; that the desk pays, and that the LP has paid,
are acts of two (`lp_payment.approve`, `lp_payment.receive`), always; that a payment came back, too.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext_lazy as _

from settlement import ledger, payments
from settlement.ledger import Posting
from settlement.models import Asset, BankAccount, LpPayment, PayoutAddress, Wallet
from settlement.operations import undone
from settlement.operations.arrivals import leave_to_lp
from settlement.operations.deposits import NotAnAmount, bank_details, require_reference
from settlement.operations.withdrawals import VOID, NotByBank, require_not_booked
from trading.lib import jobs
from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.money import USDT, Money
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User
from users.operations import require_served
from users.policies import require_meaningful

HANDLE, DECLINE = "lp_payment.handle", "lp_payment.decline"
Status, Direction = LpPayment.Status, LpPayment.Direction
LOCK = 7031


class MoreThanOwed(Conflict):
    """The desk never pays an LP more than it owes it, what is under way counted."""

    code = "more_than_owed"
    text = _("The desk owes {lp} {owed} {currency} by then, what is under way counted. It pays no more than that.")


class NothingOwed(Conflict):
    """Neither side owes the other, or all of it is under way."""

    code = "nothing_owed"
    text = _("Nothing is left to net between the desk and {lp} in {currency}.")


class NoWay(Invalid):
    """The money would go to no approved destination of the LP, or come to nowhere."""

    code = "no_such_lp_destination"
    text = _("{name} is no approved destination for {currency} here.")


class OtherLpPayment(Conflict):
    """The same key came with other details."""

    code = "key_reused"
    text = _("This was sent before with other details: {ref}.")


@dataclass(frozen=True, slots=True)
class Netting:
    """
    What is to be paid between the desk and an LP in one asset.

    :param amount: nothing: all that is open in this direction.
    :param until: what accrued from then on is left out; nothing: all of it is in.
    :param way: where it goes: a destination of the LP; for USDT that comes: the wallet's name. Fiat that comes goes to
        the desk's own account of the currency.
    """

    lp: str
    currency: str
    direction: str
    way: str = ""
    amount: Decimal | None = None
    until: datetime | None = None


def open_between(
    lp: Counterparty, asset: Asset, direction: str, *, until: datetime | None = None, but: LpPayment | None = None
) -> Decimal:
    """What this side owes the other and nothing under way pays; negative when it is the other way round. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select settlement_lp_open(%s, %s, %s, %s, %s)",
            [lp.pk, asset.code, direction, until, but.pk if but else None],
        )
        return Decimal(cursor.fetchone()[0])


@operation
def request_lp_payment(*, netting: Netting, actor: User, key: str, now: datetime) -> LpPayment:
    """
    Write down what is to be paid. Nothing moves; what the LP is to pay, it is told. The same key is the same payment.

    :raises MissingCapability: the actor may not.
    :raises NotFound: no such LP or asset, or not one the actor serves.
    :raises NothingOwed: no amount is named, and none is open in this direction.
    :raises NotAnAmount: zero, less, or too many decimals.
    :raises MoreThanOwed: the desk does not owe so much.
    :raises NoWay: no approved destination of the LP, no open wallet.
    :raises NoBankDetails: fiat is to come, and the desk has no account for it.
    :raises OtherLpPayment: the key was used for another one.
    """
    capabilities.require(actor, HANDLE)
    lp = Counterparty.objects.filter(ref=netting.lp, kind=Counterparty.Kind.LP).first()
    asset = Asset.objects.filter(code=netting.currency).first()
    if lp is None or asset is None or netting.direction not in Direction.values:
        raise NotFound
    require_served(actor, lp.pk)
    with connection.cursor() as cursor:  # what two net at once is netted one after the other
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [LOCK, lp.pk])
    if known := LpPayment.objects.filter(requested_by=actor, key=key).first():
        if not _is_same(known, netting):
            raise OtherLpPayment(ref=known.ref)
        return known
    payment = LpPayment(
        lp=lp,
        asset=asset,
        direction=netting.direction,
        amount=_amount(netting, lp, asset),
        netted_until=netting.until,
        **_way(netting, lp, now=now),
        requested_by=actor,
        key=key,
        created_at=now,
        updated_at=now,
    )
    if payment.is_out:
        require_owed(payment)
    payment.save(force_insert=True)
    _record("lp_payment.requested", payment, actor=actor, now=now)
    return payment


def _is_same(known: LpPayment, netting: Netting) -> bool:
    """Whether this is what was asked for; no amount is all that was open then."""
    way = known.account or known.address
    is_named = netting.direction == Direction.OUT or known.wallet is not None
    named = (way.ref if way else str(known.wallet)) if is_named else netting.way.strip()
    return (known.lp.ref, known.asset_id, known.direction, known.netted_until, named) == (
        netting.lp,
        netting.currency,
        netting.direction,
        netting.until,
        netting.way.strip(),
    ) and netting.amount in {None, known.amount}


def _amount(netting: Netting, lp: Counterparty, asset: Asset) -> Decimal:
    amount = netting.amount
    if amount is None:
        amount = open_between(lp, asset, netting.direction, until=netting.until)
        if amount <= 0:
            raise NothingOwed(lp=lp.name, currency=asset.code)
    require_amount(amount, asset)
    return amount


def require_amount(amount: Decimal, asset: Asset) -> None:
    """
    Only what can be paid.

    :raises NotAnAmount: zero, less, too large, or more decimals than the asset has.
    """
    is_amount = amount.is_finite() and amount > 0 and amount.adjusted() < USDT.scale + 9
    if not is_amount or amount != amount.quantize(asset.unit.step):
        raise NotAnAmount(amount=amount, currency=asset.code)


def require_owed(payment: LpPayment) -> None:
    """
    The desk pays what it owes, at most. The database refuses the rest (MN37).

    :raises MoreThanOwed: it owes less by now.
    """
    owed = open_between(payment.lp, payment.asset, Direction.OUT, until=payment.netted_until, but=payment)
    if payment.amount > owed:
        shown = f"{max(owed, Decimal(0)):.{payment.asset.scale}f}"
        raise MoreThanOwed(lp=payment.lp.name, owed=shown, currency=payment.asset_id)


def _way(netting: Netting, lp: Counterparty, *, now: datetime) -> dict[str, BankAccount | PayoutAddress | Wallet]:
    name, is_out = netting.way.strip(), netting.direction == Direction.OUT
    if netting.currency != USDT.code and not is_out:
        return {"account": bank_details(netting.currency)}
    found: BankAccount | PayoutAddress | Wallet | None
    if netting.currency != USDT.code:
        accounts = BankAccount.objects.filter(counterparty=lp, approved_at__isnull=False, ended_at=None)
        found, key = accounts.filter(currency=netting.currency, ref=name).first(), "account"
    elif is_out:
        addresses = PayoutAddress.objects.filter(counterparty=lp, revoked_at=None, usable_from__lte=now)
        found, key = addresses.filter(ref=name).first(), "address"
    else:
        found, key = Wallet.objects.filter(name=name, paused_at=None).first(), "wallet"
    if found is None:
        raise NoWay(name=name or "–", currency=netting.currency)
    return {key: found}


@operation
def decline_lp_payment(*, ref: str, reason: str, actor: User, now: datetime) -> LpPayment:
    """
    It is not paid, or not asked for any more: one person may.

    :raises MeaninglessReason: the reason says too little.
    :raises NotFound: there is none, or not one the actor serves.
    :raises IllegalTransition: it is sent or over.
    """
    capabilities.require(actor, DECLINE)
    words = require_meaningful(reason)
    payment = locked(ref)
    require_served(actor, payment.lp_id)
    before = payment.status
    payment.move(Status.DECLINED, at=now, reason=words[:300])
    _record("lp_payment.declined", payment, actor=actor, now=now, reason=words, before=before)
    return payment


def approve_lp_payment(payment: LpPayment, *, now: datetime) -> None:
    """Let it go out. Assumes the transaction that executed the request of two; on chain a job pays it."""
    payment.move(Status.APPROVED, at=now, reason="approved by two")
    if payment.address_id is not None:
        jobs.defer("settlement.pay_lp", payment_id=payment.pk, lock=payment.ref)


@operation
def record_lp_sent(*, ref: str, bank_reference: str, actor: User, now: datetime) -> LpPayment:
    """
    The bank took the order: the desk owes the LP so much less.

    :raises NotFound: there is none, or not one the actor serves.
    :raises NoReference: without the bank's reference.
    :raises BankReferenceTaken: another payment has it.
    :raises NotByBank: it is paid on chain.
    :raises MoreThanOwed: trades were reversed meanwhile, and the desk owes less.
    :raises IllegalTransition: it is not approved, or sent already.
    """
    capabilities.require(actor, HANDLE)
    payment = locked(ref)
    require_served(actor, payment.lp_id)
    if payment.account_id is None or not payment.is_out:
        raise NotByBank(ref=ref)
    reference = require_reference(bank_reference)
    if payment.reference != reference:
        require_not_booked(reference, payments.OUT)
    require_owed(payment)
    payment.move(Status.SENT, at=now, reference=reference, sent_at=now, reason="")
    _post(payment, "lp_payment", ledger.desk("bank", payment.asset.unit), payment.amount)
    _record("lp_payment.sent", payment, actor=actor, now=now)
    return payment


@operation
def record_lp_confirmed(*, ref: str, actor: User, now: datetime) -> LpPayment:
    """
    The LP has it.

    :raises NotFound: there is none, or not one the actor serves.
    :raises NotByBank: it is paid on chain.
    :raises IllegalTransition: it was not sent by bank, or is over.
    """
    capabilities.require(actor, HANDLE)
    payment = locked(ref)
    require_served(actor, payment.lp_id)
    if payment.account_id is None or not payment.is_out:
        raise NotByBank(ref=ref)
    payment.move(Status.CONFIRMED, at=now)
    _record("lp_payment.confirmed", payment, actor=actor, now=now)
    return payment


def receive(payment: LpPayment, *, amount: Decimal, reference: str, now: datetime) -> None:
    """Book what the LP paid. Assumes the transaction that executed the request of two."""
    leave_to_lp(payment, amount=amount, reference=reference, now=now)
    payment.move(Status.CONFIRMED, at=now, received=amount, reference=reference)
    source = payment.wallet.account.code if payment.wallet else ledger.desk("bank", payment.asset.unit)
    _post(payment, "lp_receipt", source, -amount)


def take_back_lp_payment(payment: LpPayment, *, reference: str, now: datetime) -> None:
    """It came back to the desk's bank: owed again. Assumes the transaction that two people carried."""
    payment.move(Status.RETURNED, at=now, return_reference=reference)
    _post(payment, "lp_payment_return", ledger.desk("bank", payment.asset.unit), -payment.amount)


def give_up(payment: LpPayment, *, now: datetime) -> None:
    """Its payment on chain can never happen: it is owed as before. Assumes it locked, and two who decided."""
    before = payment.status
    if undone.was_delivered(payment):
        undone.reverse(payment)
    payment.move(Status.DECLINED, at=now, reason=VOID)
    _record("lp_payment.declined", payment, actor=None, now=now, before=before)


def locked(ref: str) -> LpPayment:
    """
    The payment, locked.

    :raises NotFound: there is none.
    """
    related = ("lp", "asset", "account", "address", "wallet__account")
    payment = LpPayment.objects.select_related(*related).select_for_update(of=("self",)).filter(ref=ref).first()
    if payment is None:
        raise NotFound
    return payment


def _post(payment: LpPayment, kind: str, source: str, amount: Decimal) -> None:
    """Debit the LP, credit where the money comes from; negative: the other way round."""
    unit = payment.asset.unit
    sign = 1 if amount > 0 else -1
    legs = ledger.pair_of(ledger.of(payment.lp, unit), source, sign * ledger.minor(abs(amount), unit))
    ledger.post(Posting(f"{kind.replace('_', '-')}:{payment.ref}", kind, payment.ref, legs))


def _record(
    event: str, payment: LpPayment, *, actor: User | None, now: datetime, reason: str = "", before: str = ""
) -> None:
    way = payment.account or payment.address
    after = {
        "status": payment.status,
        "lp": payment.lp.ref,
        "direction": payment.direction,
        "amount": str(Money(payment.amount, payment.asset.unit)),
        "way": way.ref if way else str(payment.wallet or ""),
        "reference": payment.reference or "",
    }
    audit.record(
        event,
        actor=actor,
        subject=payment,
        at=now,
        change=audit.Change(before={"status": before} if before else None, after=after, reason=reason),
    )
