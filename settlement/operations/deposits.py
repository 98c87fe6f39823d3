"""
Money that comes in by bank: announced by the client, found at the bank by ops, credited.

Ops write down what the bank says. Below the threshold of `deposit.confirm` that credits the client;
at and above it, and whenever nobody knew the sender, two people do.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from settlement import banks, ledger, payments
from settlement.ledger import Posting
from settlement.models import Asset, BankAccount, Deposit, Journal
from settlement.operations.waiting import wake
from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.money import Money
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User
from users.operations import current_policy, require_served

OWN, RECORD, CONFIRM = "deposit.own", "deposit.record", "deposit.confirm"
Status = Deposit.Status
OPEN_AT_ONCE = 10
TOO_MUCH = Decimal(10) ** 15


class NoBankDetails(Conflict):
    """The desk has no account for the currency that two people approved."""

    code = "no_bank_details"
    text = _("The desk takes no {currency} by bank at the moment. Please contact the desk.")


class TooManyAnnounced(Conflict):
    """The client has announced many deposits that have not come."""

    code = "too_many_announced"
    text = _("{number} deposits you announced have not come yet. Cancel one first.")


class NotAnAmount(Invalid):
    """Zero, less, or more decimals than the currency has."""

    code = "not_an_amount"
    text = _("{amount} is no amount of {currency} that can be paid.")


class ReferenceUsed(Conflict):
    """Another deposit has this reference of the bank."""

    code = "bank_reference_used"
    text = _("The bank's reference {reference} belongs to {ref}. One payment is booked once.")


class NoReference(Invalid):
    """Without the bank's own reference nobody can tell two payments apart."""

    code = "no_bank_reference"
    text = _("Write the bank's own reference of the payment.")


class OtherDeposit(Conflict):
    """The same key came with other details."""

    code = "key_reused"
    text = _("This was sent before with other details: {ref}.")


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What the bank says it received.

    :param ref: the announced deposit it is, if it names one; else `client`, the ref of who sent it; else nobody's.
    """

    currency: str
    amount: Decimal
    bank_reference: str
    sender: str = ""
    ref: str = ""
    client: str = ""


@operation
def announce_deposit(*, currency: str, amount: Decimal, actor: User, key: str, now: datetime) -> Deposit:
    """
    A client says that money is on its way. The same key again is the same deposit.

    :raises MissingCapability: no client, or no role for it.
    :raises NotAnAmount: zero, less, or too many decimals.
    :raises NoBankDetails: there is no account to pay to.
    :raises TooManyAnnounced: ten have not come yet.
    :raises OtherDeposit: the key was used for another one.
    """
    capabilities.require(actor, OWN)
    client = _client_of(actor)
    if known := Deposit.objects.filter(entered_by=actor, key=key).first():
        if (known.asset_id, known.announced) != (currency, amount):
            raise OtherDeposit(ref=known.ref)
        return known
    asset = bank_details(currency).currency
    _require_amount(amount, asset)
    number = Deposit.objects.filter(client=client, status=Status.ANNOUNCED).count()
    if number >= OPEN_AT_ONCE:
        raise TooManyAnnounced(number=number)
    deposit = Deposit(client=client, asset=asset, announced=amount, entered_by=actor, key=key)
    return _born(deposit, Status.ANNOUNCED, "deposit.announced", actor=actor, now=now)


def bank_details(currency: str) -> BankAccount:
    """
    The desk's own account clients pay to.

    :raises NoBankDetails: two people have approved none.
    """
    own = BankAccount.objects.filter(counterparty=None, approved_at__isnull=False, ended_at=None)
    account = own.select_related("currency").filter(currency=currency).first()
    if account is None:
        raise NoBankDetails(currency=currency)
    return account


@operation
def cancel_deposit(*, ref: str, actor: User, now: datetime) -> Deposit:
    """
    It will not come: the client says so, or ops.

    :raises NotFound: there is none, or not for the actor.
    :raises IllegalTransition: it has come, or is cancelled already.
    """
    deposit = _locked(ref)
    if actor.counterparty is not None:
        capabilities.require(actor, OWN)
        if deposit.client_id != actor.counterparty.pk:
            raise NotFound
    else:
        capabilities.require(actor, RECORD)
        require_served(actor, deposit.client_id)
    deposit.move(Status.CANCELLED, at=now)
    audit.record("deposit.cancelled", actor=actor, subject=deposit, at=now)
    return deposit


@operation
def record_deposit(*, receipt: Receipt, actor: User, key: str, now: datetime) -> Deposit:
    """
    Write down what came to the desk's bank; below the threshold it is credited at once.

    :raises MissingCapability: the actor may not.
    :raises NotFound: no such deposit or client, or not one the actor serves.
    :raises NotAnAmount: zero, less, or too many decimals.
    :raises NoReference: without the bank's reference.
    :raises ReferenceUsed: the payment is written down already.
    :raises IllegalTransition: the announced deposit has come already, or was cancelled.
    :raises OtherDeposit: the key was used for another one.
    """
    capabilities.require(actor, RECORD)
    reference = require_reference(receipt.bank_reference)
    if booked := payments.booked_as(reference, payments.IN):
        return _booked_so(receipt, booked, reference, actor=actor, key=key)
    if other := Deposit.objects.filter(entered_by=actor, key=key).first():
        raise OtherDeposit(ref=other.ref)
    deposit = _announced(receipt, actor) if receipt.ref else _found(receipt, actor, key)
    _require_amount(receipt.amount, deposit.asset)
    deposit.amount, deposit.bank_reference = receipt.amount, reference
    deposit.sender = _sender(receipt)
    if deposit.client is None:
        _born(deposit, Status.SUSPENSE, "deposit.of_unknown", actor=actor, now=now)
        unit = deposit.asset.unit
        _post(deposit, "deposit-suspense", debit=ledger.desk("bank", unit), credit=ledger.desk("suspense", unit))
        return deposit
    _received(deposit, actor=actor, now=now)
    if needs_no_second(deposit):
        credit(deposit, deposit.client, actor=actor, now=now)
    return deposit


def require_reference(given: str) -> str:
    """
    The bank's reference in the form it is kept in.

    :raises NoReference: there is none, or one that is longer than a bank's.
    """
    reference = banks.reference(given)
    if not reference or len(reference) > banks.LONGEST_REFERENCE:
        raise NoReference
    return reference


def _booked_so(receipt: Receipt, booked: str, reference: str, *, actor: User, key: str) -> Deposit:
    """
    The deposit that this very receipt made, sent again.

    :raises ReferenceUsed: it made none, or the payment is booked as something else.
    """
    known = Deposit.objects.filter(ref=booked, entered_by=actor, key=key).select_related("client").first()
    if known is None or (known.amount, known.asset_id, known.sender, receipt.ref) != (
        receipt.amount,
        receipt.currency,
        _sender(receipt),
        "",
    ):
        raise ReferenceUsed(reference=reference, ref=booked)
    was_unknown = known.client is None or Journal.objects.filter(key=f"deposit-suspense:{known.ref}").exists()
    if receipt.client != ("" if was_unknown or known.client is None else known.client.ref):
        raise ReferenceUsed(reference=reference, ref=booked)
    return known


def _sender(receipt: Receipt) -> str:
    return " ".join(receipt.sender.split())[:140]


def needs_no_second(deposit: Deposit) -> bool:
    """Whether one person may credit it: below the threshold of `deposit.confirm`, in whole units of its currency."""
    threshold = current_policy(CONFIRM).threshold
    return threshold is not None and deposit.amount is not None and deposit.amount < threshold


def credit(deposit: Deposit, client: Counterparty, *, actor: User | None, now: datetime) -> None:
    """
    Put it on the client's balance. Assumes a transaction and a right to do it; the database checks both.

    Nobody does it where the chain says what came, and from whose address.
    """
    unit = deposit.asset.unit
    if deposit.status == Status.SUSPENSE:
        source, final_at = ledger.desk("suspense", unit), deposit.final_at
    elif deposit.is_on_chain:
        source, final_at = deposit.wallet_account, now
    else:
        source, final_at = ledger.desk("bank", unit), None
    deposit.move(Status.CREDITED, at=now, client=client, credited_at=now, final_at=final_at)
    _post(deposit, "deposit", debit=source, credit=ledger.of(client, unit))
    by = {"transaction": deposit.tx_hash} if deposit.is_on_chain else {"bank": deposit.bank_reference}
    change = audit.Change(after={"client": client.ref, "amount": _words(deposit), **by})
    audit.record("deposit.credited", actor=actor, subject=deposit, at=now, change=change)
    wake(client)


def give_back(deposit: Deposit, *, reference: str, now: datetime) -> None:
    """
    Take it off again: it went back to who sent it. Assumes a transaction and the request that two people carried.

    What came on a chain stays in its wallet, and is the firm's from then on: the firm paid it back out of its own.

    :raises InsufficientBalance: the client has used it.
    """
    unit = deposit.asset.unit
    source = ledger.of(deposit.client, unit) if deposit.client else ledger.desk("suspense", unit)
    deposit.move(Status.RETURNED, at=now, return_reference=reference)
    minor = ledger.minor(deposit.amount or Decimal(0), unit)
    legs = ledger.pair_of(source, ledger.desk("capital" if deposit.is_on_chain else "bank", unit), minor)
    if not ledger.post(Posting(f"deposit-return:{deposit.ref}", "deposit_return", deposit.ref, legs)):
        raise ledger.InsufficientBalance


def _client_of(actor: User) -> Counterparty:
    if actor.counterparty is None:
        raise NotFound
    return Counterparty.objects.select_for_update().get(pk=actor.counterparty.pk)


def _locked(ref: str) -> Deposit:
    rows = Deposit.objects.select_related("client", "asset").select_for_update(of=("self",))
    deposit = rows.filter(ref=ref).first()
    if deposit is None:
        raise NotFound
    return deposit


def _announced(receipt: Receipt, actor: User) -> Deposit:
    deposit = _locked(receipt.ref)
    require_served(actor, deposit.client_id)
    if deposit.asset_id != receipt.currency:
        raise NotFound
    return deposit


def _found(receipt: Receipt, actor: User, key: str) -> Deposit:
    asset = Asset.objects.filter(code=receipt.currency, kind=Asset.Kind.FIAT).first()
    if asset is None:
        raise NotFound
    client = None
    if receipt.client:
        client = Counterparty.objects.filter(ref=receipt.client, kind=Counterparty.Kind.CLIENT).first()
        if client is None:
            raise NotFound
    require_served(actor, client.pk if client else None)
    return Deposit(client=client, asset=asset, entered_by=actor, key=key)


def _received(deposit: Deposit, *, actor: User, now: datetime) -> None:
    if deposit._state.adding:
        _born(deposit, Status.RECEIVED, "deposit.received", actor=actor, now=now)
        return
    what = {"amount": deposit.amount, "bank_reference": deposit.bank_reference, "sender": deposit.sender}
    deposit.move(Status.RECEIVED, at=now, **what)
    _record("deposit.received", deposit, actor=actor, now=now)


def _born(deposit: Deposit, status: str, event: str, *, actor: User, now: datetime) -> Deposit:
    deposit.status, deposit.created_at, deposit.updated_at = status, now, now
    deposit.save(force_insert=True)
    _record(event, deposit, actor=actor, now=now)
    return deposit


def _record(event: str, deposit: Deposit, *, actor: User, now: datetime) -> None:
    after = {"amount": _words(deposit), "bank": deposit.bank_reference or "", "sender": deposit.sender}
    after["client"] = deposit.client.ref if deposit.client else ""
    audit.record(event, actor=actor, subject=deposit, at=now, change=audit.Change(after=after))


def _words(deposit: Deposit) -> str:
    return str(Money(deposit.amount or deposit.announced or Decimal(0), deposit.asset.unit))


def _post(deposit: Deposit, kind: str, *, debit: str, credit: str) -> None:
    unit = deposit.asset.unit
    legs = ledger.pair_of(debit, credit, ledger.minor(deposit.amount or Decimal(0), unit))
    ledger.post(Posting(f"{kind}:{deposit.ref}", kind.replace("-", "_"), deposit.ref, legs))


def _require_amount(amount: Decimal, asset: Asset) -> None:
    if not amount.is_finite() or not 0 < amount < TOO_MUCH or amount != amount.quantize(asset.unit.step):
        raise NotAnAmount(amount=amount, currency=asset.code)
