"""Asking the chain whether something was paid, and keeping its answer. The call to the chain is a job's."""

from datetime import datetime
from typing import Protocol

from django.db.models import Q

from settlement import ledger, payments, transactions
from settlement.models import Payable, PaymentCheck, Transfer, Wallet
from settlement.operations import payables
from settlement.transactions import PaymentUsed
from trading.lib import jobs
from trading.lib.errors import NotFound
from trading.lib.money import USDT
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User
from users.operations.scopes import require_served

Kind, Status = PaymentCheck.Kind, PaymentCheck.Status


class SeenPayment(Protocol):
    """What a transaction moved."""

    @property
    def to_address(self) -> str:
        """To whom."""

    @property
    def amount_minor(self) -> int:
        """How much."""

    @property
    def nonce(self) -> int:
        """Which of its sender's transactions it is."""


class SeenTransaction(Protocol):
    """Where the chain has a transaction, who sent it and what it moved."""

    @property
    def block_number(self) -> int:
        """The block it is in."""

    @property
    def confirmations(self) -> int:
        """Blocks on top of it, itself included."""

    @property
    def is_final(self) -> bool:
        """Whether it can no longer be undone."""

    @property
    def sender(self) -> str:
        """Whose it is."""

    @property
    def pays(self) -> SeenPayment | None:
        """What it moved."""


@operation
def ask_payment(*, ref: str, transaction: str, actor: User, now: datetime) -> PaymentCheck:
    """
    Ask the chain whether a transaction paid a settlement, withdrawal or LP payment; a job brings the answer.

    The same question again is the same check, unless the chain said no to it.

    :raises MissingCapability: the actor does not handle what it is said to have paid.
    :raises NotFound: there is no such thing, or it pays nothing on chain.
    :raises BadTransactionId: no transaction has such an id on that chain.
    :raises PaymentUsed: it has paid something else already.
    """
    owner = _asked_about(ref, actor)
    if owner.paid_to is None:
        raise NotFound(ref=ref)
    given = transactions.require_valid(owner.paid_to.chain, transaction)
    used = payments.used_for(given)
    if used not in {"", ref} and not Transfer.objects.filter(ref=used, **{owner.word: owner}).exists():
        raise PaymentUsed(reference=given, what=used)
    return _ask(owner, PaymentCheck(kind=Kind.PAID, transaction=given), actor=actor, now=now)


def _asked_about(ref: str, actor: User) -> Payable:
    if (capability := payables.ASKS.get(payables.word_of(ref))) is None:
        raise NotFound(ref=ref)
    capabilities.require(actor, capability)
    owner = payables.locked(ref)
    require_served(actor, owner.party.pk)
    return owner


@operation
def ask_void(*, ref: str, actor: User, now: datetime) -> PaymentCheck:
    """
    Ask the chain whether the last payment of what is in review can never happen any more; a job brings the answer.

    The same question again is the same check, unless the chain said no to it.

    :raises MissingCapability: the actor does not handle what it was to pay.
    :raises NotFound: there is no such thing, it is not in review, or nothing was signed for it.
    """
    owner = _asked_about(ref, actor)
    transfer = Transfer.objects.filter(**{owner.word: owner}).order_by("-generation").first()
    if transfer is None or owner.status != "needs_review":
        raise NotFound(ref=ref)
    return _ask(owner, PaymentCheck(kind=Kind.VOID, transfer=transfer), actor=actor, now=now)


@operation
def record_void(*, check_id: int, why_not: str, now: datetime) -> PaymentCheck:
    """
    Keep what the chain said about a payment that was signed: it can never happen any more, or why not.

    :param why_not: "" when it cannot.
    """
    check = _locked(check_id)
    if check.status != Status.ASKED:
        return check
    if why_not:
        return _refuse(check, why_not, now=now)
    check.move(Status.VERIFIED, at=now)
    after = {"transfer": check.transfer.ref if check.transfer else ""}
    audit.record("check.verified", actor=None, subject=check, at=now, change=audit.Change(after=after))
    return check


def _bring_answer(check: PaymentCheck) -> None:
    jobs.defer("settlement.check_payment", check_id=check.pk, lock=check.ref, unless_waiting=True)


def _ask(owner: Payable, check: PaymentCheck, *, actor: User, now: datetime) -> PaymentCheck:
    known = PaymentCheck.objects.filter(**{owner.word: owner}, kind=check.kind, transfer=check.transfer)
    if again := known.filter(transaction=check.transaction).exclude(status=Status.REFUSED).first():
        if again.status == Status.ASKED:  # the job that was to bring the answer may have given up
            _bring_answer(again)
        return again
    setattr(check, owner.word, owner)
    check.asked_by, check.created_at, check.updated_at = actor, now, now
    check.save(force_insert=True)
    change = audit.Change(after={owner.word: owner.ref, "transaction": check.transaction})
    audit.record("check.asked", actor=actor, subject=check, at=now, change=change)
    _bring_answer(check)
    return check


@operation
def record_payment(*, check_id: int, seen: SeenTransaction | None, now: datetime) -> PaymentCheck:
    """Keep what the chain said about a transaction: it paid this, finally, from the desk; or why not."""
    check = _locked(check_id)
    if check.status != Status.ASKED:
        return check
    owner = check.owner
    assert owner.paid_to is not None  # noqa: S101 - asked of those only
    pays = seen.pays if seen else None
    if seen is None or pays is None:
        return _refuse(check, transactions.UNKNOWN if seen is None else transactions.ANOTHER, now=now)
    wanted = (owner.paid_to.address, ledger.minor(owner.paid_amount, USDT))
    if (pays.to_address, pays.amount_minor) != wanted:
        return _refuse(check, transactions.ANOTHER, now=now)
    wallets = Wallet.objects.filter(chain=owner.paid_to.chain)
    own = Q(transfers__attempts__tx_hash=check.transaction)  # what the desk signed came from the wallet it signed for
    wallet = wallets.filter(own | Q(address=seen.sender)).first()
    if wallet is None:
        return _refuse(check, transactions.STRANGER, now=now)
    if not seen.is_final:
        return _refuse(check, transactions.NOT_FINAL, now=now)
    check.move(
        Status.VERIFIED,
        at=now,
        wallet=wallet,
        to_address=pays.to_address,
        amount_minor=pays.amount_minor,
        nonce=pays.nonce,
        block_number=seen.block_number,
        confirmations=seen.confirmations,
    )
    after = {"transaction": check.transaction, "block": seen.block_number, "confirmations": seen.confirmations}
    audit.record("check.verified", actor=None, subject=check, at=now, change=audit.Change(after=after))
    return check


@operation
def record_unreachable(*, check_id: int, now: datetime) -> PaymentCheck:
    """Keep that nothing can ask that chain."""
    check = _locked(check_id)
    return _refuse(check, transactions.UNREACHABLE, now=now) if check.status == Status.ASKED else check


def _refuse(check: PaymentCheck, why: str, *, now: datetime) -> PaymentCheck:
    check.move(Status.REFUSED, at=now, reason=why)
    change = audit.Change(after={"transaction": check.transaction}, reason=why)
    audit.record("check.refused", actor=None, subject=check, at=now, change=change)
    return check


def _locked(check_id: int) -> PaymentCheck:
    rows = PaymentCheck.objects.select_related(
        "settlement__destination", "withdrawal__address", "lp_payment__address", "transfer"
    )
    return rows.select_for_update(of=("self",)).get(pk=check_id)
