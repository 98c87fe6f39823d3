"""Recording what the chain says about a transfer. The calls to the chain are the tasks'."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from settlement import autosettle
from settlement.models import Payable, Transfer, TransferAttempt
from settlement.operations import gas, undone
from settlement.operations.lp_paying import finish_lp_payment
from settlement.operations.pausing import paused
from settlement.operations.paying import settle
from settlement.operations.paying_out import finish_on_chain
from settlement.operations.sending import FOLLOWED, answered, is_due, locked, send_again
from settlement.operations.signing import Signer
from settlement.pauses import DEEP_REORG as UNDONE
from settlement.pauses import NODE_REFUSED as NONCE_TAKEN
from trading.lib.operations import operation
from users import audit

EXPIRED = "expired_unseen"
DONE = {"settlement": "settled", "withdrawal": "confirmed", "lp_payment": "confirmed"}  # once it was delivered


class SeenReceipt(Protocol):
    """Where the chain has a transaction."""

    @property
    def tx_hash(self) -> str:
        """Which of a transfer's attempts it is."""

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
    def fee(self) -> int | None:
        """What it cost, in the smallest unit of the chain's coin."""


@operation
def record_mismatch(*, transfer_id: int, reason: str, now: datetime) -> Transfer:
    """
    What was signed, or what the chain shows, is not what was meant: a human looks, nothing is sent.

    Once: a transfer that is over or already looked at is left as it is.
    """
    transfer = locked(transfer_id)
    answered(transfer.attempts.latest("number"))
    if transfer.status in FOLLOWED:
        _review(transfer, reason, now=now)
    return transfer


@operation
def record_taken_nonce(*, transfer_id: int, now: datetime) -> Transfer:
    """
    Another transaction than ours has the nonce: the wallet is paused, and a human looks. Nothing is signed again.

    Somebody else has the wallet's key, or the books know less than the chain: neither mends itself.
    """
    transfer = locked(transfer_id)
    answered(transfer.attempts.latest("number"))
    if transfer.status in FOLLOWED:
        paused(transfer.wallet_id, NONCE_TAKEN, now=now)
        _review(transfer, NONCE_TAKEN, now=now)
    return transfer


@operation
def record_expired(*, transfer_id: int, now: datetime) -> Transfer:
    """
    It was proved that the signed bytes never happened and never will: their time is over. People decide what next.

    Nothing on chain would keep a mistake in that proof from paying twice, so nothing is signed again by itself.
    """
    transfer = locked(transfer_id)
    answered(transfer.attempts.latest("number"))
    if transfer.status in FOLLOWED:
        _review(transfer, EXPIRED, now=now)
    return transfer


@operation
def replace_attempt(*, transfer_id: int, number: int, signer: Signer, now: datetime) -> Transfer:
    """
    Sign a stuck payment again: same nonce, recipient and amount, dearer. Stored before it is sent.

    Whichever of its attempts is mined, the others cannot be any more. Left as it is when the transfers are halted,
    the chain has it by now, or somebody else replaced attempt `number`.
    """
    transfer = locked(transfer_id)
    last = transfer.attempts.latest("number")
    if transfer.status != Transfer.Status.BROADCAST or last.number != number or autosettle.read().is_halted:
        return transfer
    signed = signer(transfer.wallet, transfer)
    new = TransferAttempt(transfer=transfer, number=number + 1, raw=signed.raw, tx_hash=signed.tx_hash, created_at=now)
    new.save(force_insert=True)
    if last.status != TransferAttempt.Status.SUPERSEDED:  # it is when an older one was mined, and a reorg undid that
        last.move(TransferAttempt.Status.SUPERSEDED, at=now)
    change = audit.Change(before={"tx_hash": last.tx_hash}, after={"tx_hash": new.tx_hash}, reason="stuck")
    audit.record("transfer.replaced", actor=None, subject=transfer, at=now, change=change)
    send_again(transfer)
    return transfer


@operation
def record_receipt(*, transfer_id: int, receipt: SeenReceipt | None, now: datetime) -> Transfer:
    """
    Where the chain has the payment: unseen, mined or final. Final closes the settlement, once.

    Unseen for too long after it was sent: the same bytes go out again.
    """
    transfer = locked(transfer_id)
    if transfer.status not in FOLLOWED:
        return transfer
    if receipt is None:
        _unseen(transfer, now=now)
        return transfer
    seen = {"block_number": receipt.block_number, "confirmations": receipt.confirmations}
    if transfer.status != Transfer.Status.MINED:
        transfer.move(Transfer.Status.MINED, at=now, reason="mined", **seen)
        _mined_by(transfer, receipt.tx_hash, now=now)
    if not receipt.is_final:
        Transfer.objects.filter(pk=transfer.pk).update(**seen)
        return transfer
    _mined_by(transfer, receipt.tx_hash, now=now)
    final_at = transfer.final_at
    transfer.move(Transfer.Status.FINAL, at=now, reason="final", final_at=final_at or now, **seen)
    gas.book(transfer.wallet, receipt.tx_hash, receipt.fee, transfer.ref)
    if final_at is None:
        deliver(transfer, now=now)
    else:
        made_again(transfer, now=now)
    return transfer


@operation
def record_undone(*, transfer_id: int, now: datetime) -> Transfer:
    """
    No node has a payment any more that was final: send the same bytes again, pause its wallet, have people look.

    The books keep it as paid, and what it paid is not delivered a second time when it is final again. Once: what is
    not final any more is left as it is.
    """
    transfer = locked(transfer_id)
    if transfer.status != Transfer.Status.FINAL:
        return transfer
    transfer.move(Transfer.Status.BROADCAST, at=now, reason=UNDONE, confirmations=0, block_number=None)
    _not_mined(transfer, now=now)
    paused(transfer.wallet_id, UNDONE, now=now)
    change = audit.Change(after={"wallet": transfer.wallet.name, "of": transfer.owner_ref}, reason=UNDONE)
    audit.record("transfer.undone", actor=None, subject=transfer, at=now, change=change)
    owner = transfer.owner
    if owner.status == DONE[owner.word]:
        _doubt(owner, transfer, UNDONE, now=now)
    send_again(transfer)
    return transfer


@operation
def record_still_there(*, transfer_ids: Sequence[int], now: datetime) -> int:
    """Keep when the chain was seen to have final payments still; the answer is how many."""
    final = Transfer.objects.filter(pk__in=transfer_ids, status=Transfer.Status.FINAL)
    return final.update(looked_at=now)


def made_again(transfer: Transfer, *, now: datetime) -> None:
    """What was undone is final again: it was delivered and booked the first time."""
    if transfer.owner.status == "needs_review":
        _done_again(transfer.owner, transfer, "final_again", now=now)
    change = audit.Change(after={"wallet": transfer.wallet.name, "of": transfer.owner_ref}, reason="final_again")
    audit.record("transfer.made_again", actor=None, subject=transfer, at=now, change=change)


def _done_again(owner: Payable, transfer: Transfer, reason: str, *, now: datetime) -> None:
    """What was delivered before is doubted no longer."""
    owner.move(DONE[owner.word], at=now, reason=reason, detail="")
    change = audit.Change(after={"transfer": transfer.ref}, reason=reason)
    audit.record(f"{owner.word}.{reason}", actor=None, subject=owner, at=now, change=change)


def deliver(transfer: Transfer, *, now: datetime) -> None:
    """Close what it paid, once, with its journal. Assumes the transaction that saw it final."""
    account, owner = transfer.wallet.account.code, transfer.owner
    if transfer.generation > 1 and undone.was_delivered(owner, but=transfer):
        undone.pay_again(owner, account, key=transfer.generation, is_held=True)
        _done_again(owner, transfer, "paid_again", now=now)
    elif transfer.settlement is not None:
        settle(transfer.settlement, account, now=now, paid_by=account)
    elif transfer.withdrawal is not None:
        finish_on_chain(transfer.withdrawal, account, now=now)
    elif transfer.lp_payment is not None:
        finish_lp_payment(transfer.lp_payment, account, now=now)


def _mined_by(transfer: Transfer, tx_hash: str, *, now: datetime) -> None:
    """The chain took one attempt, so the others cannot happen; after a reorg it may be another one than before."""
    transfer.attempts.exclude(sending_since=None).update(sending_since=None)
    status = TransferAttempt.Status
    for attempt in transfer.attempts.order_by("number"):
        if attempt.tx_hash != tx_hash:
            if attempt.status == status.MINED:
                attempt.move(status.BROADCAST, at=now)
            if attempt.status in {status.SIGNED, status.BROADCAST}:
                attempt.move(status.SUPERSEDED, at=now)
        elif attempt.status != status.MINED:
            attempt.move(status.MINED, at=now)


def _not_mined(transfer: Transfer, *, now: datetime) -> None:
    """A reorganisation undid it: it waits for a block from now on, so it is not stuck yet."""
    for mined in transfer.attempts.filter(status=TransferAttempt.Status.MINED):
        mined.move(TransferAttempt.Status.BROADCAST, at=now)
    transfer.attempts.exclude(out_since=None).update(out_since=now)


def _unseen(transfer: Transfer, *, now: datetime) -> None:
    if transfer.status == Transfer.Status.MINED:
        transfer.move(Transfer.Status.BROADCAST, at=now, reason="reorg", confirmations=0, block_number=None)
        _not_mined(transfer, now=now)
    if is_due(transfer.attempts.latest("number"), now=now):
        send_again(transfer)


def _review(transfer: Transfer, reason: str, *, now: datetime) -> None:
    transfer.move(Transfer.Status.NEEDS_REVIEW, at=now, reason=reason)
    if transfer.final_at is not None:  # what it paid was delivered before a reorganisation, and is doubted already
        change = audit.Change(after={"wallet": transfer.wallet.name, "of": transfer.owner_ref}, reason=reason)
        audit.record("transfer.undone", actor=None, subject=transfer, at=now, change=change)
        return
    _doubt(transfer.owner, transfer, reason, now=now)


def _doubt(owner: Payable, transfer: Transfer, reason: str, *, now: datetime) -> None:
    """People have to look at what a payment was for."""
    owner.move("needs_review", at=now, reason=reason, detail=transfer.ref)
    change = audit.Change(after={"transfer": transfer.ref}, reason=reason)
    audit.record(f"{owner.word}.needs_review", actor=None, subject=owner, at=now, change=change)
