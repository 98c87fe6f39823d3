"""
A client's withdrawal, from the request to the bank's confirmation.

The money is held at the request. That it may leave is an act of two (`withdrawal.approve`), always; that it came
back, too (`withdrawal.return`). Declining and cancelling let the hold go, and take one person.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from settlement import ledger, payments, withdrawal_limits
from settlement.ledger import InsufficientBalance, Posting
from settlement.models import Asset, BankAccount, PayoutAddress, Withdrawal, WithdrawalPolicy
from settlement.operations import undone
from settlement.operations.deposits import NotAnAmount, OtherDeposit, require_reference
from settlement.operations.paying_out import total_of
from settlement.operations.waiting import wake
from trading.lib import jobs
from trading.lib.errors import Conflict, Forbidden, Invalid, NotFound
from trading.lib.money import USDT, Money
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, TelegramLink, User
from users.operations import require_served
from users.policies import require_meaningful

OWN, HANDLE, DECLINE = "withdrawal.own", "withdrawal.handle", "withdrawal.decline"
Status = Withdrawal.Status
OVER = (Status.DECLINED, Status.CANCELLED, Status.RETURNED)
A_DAY = timedelta(hours=24)
VOID = "void"


class ClientFrozen(Forbidden):
    """Nothing leaves a frozen client's balance."""

    code = "client_frozen"
    text = _("Your account is frozen: nothing leaves it. Please contact the desk.")


class CoolingOff(Forbidden):
    """The Telegram account was linked a short while ago."""

    code = "withdrawals_cooling_off"
    text = _("Your Telegram account was changed. Withdrawals are possible again from {at}.")


class NoSuchDestination(Invalid):
    """None of the client's own that is approved, past its cooling period and takes this currency."""

    code = "no_such_destination"
    text = _("{name} is no approved destination of yours for {currency}. See /addresses.")


class OverLimit(Conflict):
    """More than one withdrawal, or those of a day, may be."""

    code = "over_withdrawal_limit"
    text = _("At most {limit} {currency} {period}. Ask for less, or contact the desk.")


class BankReferenceTaken(Conflict):
    """Another payment has this reference."""

    code = "bank_reference_used"
    text = _("The bank's reference {reference} belongs to {ref}. One payment is booked once.")


class NotByBank(Conflict):
    """It goes on chain: no person sends it."""

    code = "not_by_bank"
    text = _("{ref} is paid on chain, not by bank.")


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What a client wants to have, where.

    :param amount: what arrives; nothing for all that is there, less the fee.
    :param to: a destination's ref or label.
    """

    currency: str
    amount: Decimal | None
    to: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a wish comes to: which destination, what arrives, the fee on top, and what stays available."""

    asset: Asset
    amount: Decimal
    fee: Decimal
    remains: Decimal
    account: BankAccount | None
    address: PayoutAddress | None


def work_out(*, wish: Wish, actor: User, now: datetime) -> Offer:
    """
    What a wish would come to; nothing is held yet.

    :raises MissingCapability: no client, or no role for it.
    :raises ClientFrozen: nothing leaves a frozen client's balance.
    :raises CoolingOff: the actor's Telegram account was linked a short while ago.
    :raises NoSuchDestination: no approved, usable destination of the client for this currency.
    :raises NotAnAmount: zero, less, or too many decimals.
    :raises InsufficientBalance: the balance, without any credit line, does not cover amount and fee.
    :raises OverLimit: larger than one may be, or than a day's together.
    """
    capabilities.require(actor, OWN)
    client = _client_of(actor, lock=False)
    _require_free(client, actor, now=now)
    return _offer(wish, client, now=now)


@operation
def request_withdrawal(*, wish: Wish, actor: User, key: str, now: datetime) -> Withdrawal:
    """
    Hold the money and ask for it to be sent. The same key again is the same withdrawal.

    :raises MissingCapability: no client, or no role for it.
    :raises OtherDeposit: the key was used for another one.
    :raises ClientFrozen: nothing leaves a frozen client's balance.
    :raises CoolingOff: the actor's Telegram account was linked a short while ago.
    :raises NoSuchDestination: no approved, usable destination of the client for this currency.
    :raises NotAnAmount: zero, less, or too many decimals.
    :raises InsufficientBalance: the balance, without any credit line, does not cover amount and fee.
    :raises OverLimit: larger than one may be, or than a day's together.
    """
    capabilities.require(actor, OWN)
    client = _client_of(actor, lock=True)
    before = Withdrawal.objects.select_related("account", "address")
    if known := before.filter(requested_by=actor, key=key).first():
        to = known.account or known.address
        names = {to.ref.casefold(), to.label.casefold()} if to else set()
        is_same = known.asset_id == wish.currency and wish.amount in {None, known.amount}
        if not is_same or " ".join(wish.to.split()).casefold() not in names:
            raise OtherDeposit(ref=known.ref)
        return known
    _require_free(client, actor, now=now)
    offer = _offer(wish, client, now=now)
    withdrawal = Withdrawal(
        client=client,
        asset=offer.asset,
        amount=offer.amount,
        fee=offer.fee,
        account=offer.account,
        address=offer.address,
        requested_by=actor,
        key=key,
        created_at=now,
        updated_at=now,
    )
    if not _hold(withdrawal, sign=1, kind="withdrawal-hold"):
        raise InsufficientBalance
    withdrawal.save(force_insert=True)
    withdrawal.refresh_from_db(fields=["created_at"])  # by the database's clock: the limit of a day counts by it
    _record("withdrawal.requested", withdrawal, actor=actor, now=now)
    return withdrawal


@operation
def cancel_withdrawal(*, ref: str, actor: User, now: datetime) -> Withdrawal:
    """
    The client no longer wants it. Only until it is approved.

    :raises NotFound: there is none, or not the actor's.
    :raises IllegalTransition: it is approved or over.
    """
    capabilities.require(actor, OWN)
    withdrawal = locked(ref)
    if actor.counterparty is None or withdrawal.client_id != actor.counterparty.pk:
        raise NotFound
    _let_go(withdrawal, Status.CANCELLED, reason="by the client", actor=actor, now=now)
    return withdrawal


@operation
def decline_withdrawal(*, ref: str, reason: str, actor: User, now: datetime) -> Withdrawal:
    """
    The desk does not send it: it reduces risk, so one person may. The client is told the reason.

    :raises MeaninglessReason: the reason says too little.
    :raises NotFound: there is none, or not one the actor serves.
    :raises IllegalTransition: it is sent or over.
    """
    capabilities.require(actor, DECLINE)
    words = require_meaningful(reason)
    withdrawal = locked(ref)
    require_served(actor, withdrawal.client_id)
    _let_go(withdrawal, Status.DECLINED, reason=words[:300], actor=actor, now=now)
    return withdrawal


def approve(withdrawal: Withdrawal, *, now: datetime) -> None:
    """Let it go out. Assumes the transaction that executed the request of two; on chain a job pays it."""
    withdrawal.move(Status.APPROVED, at=now, reason="approved by two")
    if withdrawal.address_id is not None:
        jobs.defer("settlement.pay_out", withdrawal_id=withdrawal.pk, lock=withdrawal.ref)


@operation
def record_sent(*, ref: str, bank_reference: str, actor: User, now: datetime) -> Withdrawal:
    """
    The bank took the order: the money has left.

    :raises NotFound: there is none, or not one the actor serves.
    :raises NoReference: without the bank's reference.
    :raises BankReferenceTaken: another payment has it.
    :raises NotByBank: it is paid on chain.
    :raises ClientFrozen: the client was frozen meanwhile.
    :raises IllegalTransition: it is not approved, or sent already.
    """
    capabilities.require(actor, HANDLE)
    withdrawal = locked(ref)
    require_served(actor, withdrawal.client_id)
    if withdrawal.account_id is None:
        raise NotByBank(ref=ref)
    reference = require_reference(bank_reference)
    if withdrawal.bank_reference != reference:
        require_not_booked(reference, payments.OUT)
    if withdrawal.client.status != Counterparty.Status.ACTIVE:
        raise ClientFrozen
    withdrawal.move(Status.SENT, at=now, bank_reference=reference, sent_at=now, reason="")
    unit = withdrawal.asset.unit
    client, minor = ledger.of(withdrawal.client, unit), ledger.minor(withdrawal.amount, unit)
    lines = (*ledger.hold(client, unit, -minor), *ledger.pair_of(client, ledger.desk("bank", unit), minor))
    ledger.post(Posting(f"withdrawal-sent:{ref}", "withdrawal_sent", ref, lines))
    _record("withdrawal.sent", withdrawal, actor=actor, now=now)
    return withdrawal


@operation
def record_confirmed(*, ref: str, actor: User, now: datetime) -> Withdrawal:
    """
    The bank says that it arrived.

    :raises NotFound: there is none, or not one the actor serves.
    :raises IllegalTransition: it was not sent by bank, or is over.
    """
    capabilities.require(actor, HANDLE)
    withdrawal = locked(ref)
    require_served(actor, withdrawal.client_id)
    if withdrawal.account_id is None:
        raise NotByBank(ref=ref)
    withdrawal.move(Status.CONFIRMED, at=now)
    _record("withdrawal.confirmed", withdrawal, actor=actor, now=now)
    return withdrawal


def require_not_booked(reference: str, way: str) -> None:
    """
    One payment is booked once in its direction, whatever it is booked as. The database refuses the rest (MN33, ST08).

    :raises BankReferenceTaken: it is booked already.
    """
    if ref := payments.booked_as(reference, way):
        raise BankReferenceTaken(reference=reference, ref=ref)


def take_back(withdrawal: Withdrawal, *, reference: str, now: datetime) -> None:
    """It came back to the desk's bank: on the balance again. Assumes the transaction that two people carried."""
    unit = withdrawal.asset.unit
    withdrawal.move(Status.RETURNED, at=now, return_reference=reference)
    client, minor = ledger.of(withdrawal.client, unit), ledger.minor(withdrawal.amount, unit)
    lines = ledger.pair_of(ledger.desk("bank", unit), client, minor)
    ledger.post(Posting(f"withdrawal-return:{withdrawal.ref}", "withdrawal_return", withdrawal.ref, lines))
    wake(withdrawal.client)


def give_up(withdrawal: Withdrawal, *, now: datetime) -> None:
    """Its payment on chain can never happen: the money is free again. Assumes it locked, and two who decided."""
    if undone.was_delivered(withdrawal):
        undone.reverse(withdrawal)
        withdrawal.move(Status.DECLINED, at=now, reason=VOID)
        wake(withdrawal.client)
    else:
        _end(withdrawal, Status.DECLINED, reason=VOID, now=now)
    _record("withdrawal.declined", withdrawal, actor=None, now=now)


def locked(ref: str) -> Withdrawal:
    """
    The withdrawal, locked.

    :raises NotFound: there is none.
    """
    rows = Withdrawal.objects.select_related("client", "asset", "account", "address").select_for_update(of=("self",))
    withdrawal = rows.filter(ref=ref).first()
    if withdrawal is None:
        raise NotFound
    return withdrawal


def _let_go(withdrawal: Withdrawal, status: str, *, reason: str, actor: User, now: datetime) -> None:
    _end(withdrawal, status, reason=reason, now=now)
    _record(f"withdrawal.{status}", withdrawal, actor=actor, now=now, reason=reason)


def _end(withdrawal: Withdrawal, status: str, *, reason: str, now: datetime) -> None:
    withdrawal.move(status, at=now, reason=reason)
    _hold(withdrawal, sign=-1, kind="withdrawal-release")
    wake(withdrawal.client)


def _hold(withdrawal: Withdrawal, *, sign: int, kind: str) -> bool:
    unit = withdrawal.asset.unit
    minor = sign * ledger.minor(total_of(withdrawal), unit)
    lines = ledger.hold(ledger.of(withdrawal.client, unit), unit, minor)
    return ledger.post(Posting(f"{kind}:{withdrawal.ref}", kind.replace("-", "_"), withdrawal.ref, lines))


def _record(event: str, withdrawal: Withdrawal, *, actor: User | None, now: datetime, reason: str = "") -> None:
    to = withdrawal.account or withdrawal.address
    after = {
        "status": withdrawal.status,
        "amount": str(Money(withdrawal.amount, withdrawal.asset.unit)),
        "to": to.ref if to else "",
        "bank": withdrawal.bank_reference or "",
    }
    audit.record(event, actor=actor, subject=withdrawal, at=now, change=audit.Change(after=after, reason=reason))


def _client_of(actor: User, *, lock: bool) -> Counterparty:
    if actor.counterparty is None:
        raise NotFound
    rows = Counterparty.objects.select_for_update() if lock else Counterparty.objects
    return rows.get(pk=actor.counterparty.pk)


def _require_free(client: Counterparty, actor: User, *, now: datetime) -> None:
    if client.status != Counterparty.Status.ACTIVE:
        raise ClientFrozen
    cooling = TelegramLink.objects.filter(user=actor, ended_at=None, withdrawals_from__gt=now).first()
    if cooling is not None and cooling.withdrawals_from is not None:
        raise CoolingOff(at=f"{cooling.withdrawals_from:%Y-%m-%d %H:%M} UTC")


def _offer(wish: Wish, client: Counterparty, *, now: datetime) -> Offer:
    account, address = _destination(wish, client, now=now)
    asset = account.currency if account else Asset.objects.get(code=USDT.code)
    policy = withdrawal_limits.current()
    fee = withdrawal_limits.network_fee(policy, address.chain) if address else Decimal(0)
    available = available_to_leave(client, asset)
    amount = wish.amount if wish.amount is not None else available - fee
    if wish.amount is None and amount <= 0:
        raise InsufficientBalance
    is_amount = amount.is_finite() and amount > 0 and amount.adjusted() < USDT.scale + 9
    if not is_amount or amount != amount.quantize(asset.unit.step):
        raise NotAnAmount(amount=amount, currency=asset.code)
    _require_within_limits(policy, client, asset, amount, now=now)
    if amount + fee > available:
        raise InsufficientBalance
    return Offer(asset, amount, fee, available - amount - fee, account, address)


def available_to_leave(client: Counterparty, asset: Asset) -> Decimal:
    """What of the balance may leave: posted less held, never the credit line, never less than nothing."""
    account = client.ledger_accounts.filter(asset=asset).select_related("balance").first()
    if account is None:
        raise ledger.NoAccount
    free = account.balance.posted - account.balance.held
    return max(Money.from_minor(free, asset.unit).amount, Decimal(0))


def _destination(wish: Wish, client: Counterparty, *, now: datetime) -> tuple[BankAccount | None, PayoutAddress | None]:
    name = " ".join(wish.to.split())
    if wish.currency == USDT.code:
        usable = PayoutAddress.objects.filter(counterparty=client, revoked_at=None, usable_from__lte=now)
        address = usable.filter(ref=name.upper()).first() or usable.filter(label__iexact=name).exclude(label="").first()
        if address is not None:
            return None, address
    else:
        approved = BankAccount.objects.filter(counterparty=client, approved_at__isnull=False, ended_at=None)
        approved = approved.filter(currency=wish.currency).select_related("currency")
        account = approved.filter(ref=name.upper()).first()
        account = account or approved.filter(label__iexact=name).exclude(label="").first()
        if account is not None:
            return account, None
    raise NoSuchDestination(name=name or "–", currency=wish.currency)


def _require_within_limits(
    policy: WithdrawalPolicy, client: Counterparty, asset: Asset, amount: Decimal, *, now: datetime
) -> None:
    if amount > policy.largest:
        raise OverLimit(limit=f"{policy.largest.normalize():,f}", currency=asset.code, period=_("in one withdrawal"))
    recent = Withdrawal.objects.filter(client=client, asset=asset, created_at__gt=now - A_DAY).exclude(status__in=OVER)
    already = recent.aggregate(total=Sum("amount"))["total"] or Decimal(0)
    if already + amount > policy.daily:
        raise OverLimit(limit=f"{policy.daily.normalize():,f}", currency=asset.code, period=_("within 24 hours"))
