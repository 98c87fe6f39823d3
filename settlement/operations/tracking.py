"""Recording what the chain says about a transfer. The calls to the chain are the tasks'."""

from datetime import datetime, timedelta
from typing import Protocol

from settlement.models import Settlement, Transfer, TransferAttempt
from settlement.operations.paying import settle
from trading.lib import jobs
from trading.lib.jobs import Later
from trading.lib.operations import operation
from users import audit

ASK_AGAIN_SECONDS = 1
SEND_AGAIN_SECONDS = 5
SEND_AGAIN_AFTER = timedelta(seconds=30)
FOLLOWED = frozenset({Transfer.Status.SIGNED, Transfer.Status.BROADCAST, Transfer.Status.MINED})


class SeenReceipt(Protocol):
    """Where the chain has a transaction."""

    @property
    def block_number(self) -> int:
        """The block it is in."""

    @property
    def confirmations(self) -> int:
        """Blocks on top of it, itself included."""

    @property
    def is_final(self) -> bool:
        """Whether it can no longer be undone."""


def _locked(transfer_id: int) -> Transfer:
    owner_id = Transfer.objects.values_list("settlement_id", flat=True).get(pk=transfer_id)
    Settlement.objects.select_for_update().get(pk=owner_id)
    related = ("settlement__client", "settlement__lp", "settlement__quote_asset", "wallet__account")
    return Transfer.objects.select_related(*related).select_for_update(of=("self",)).get(pk=transfer_id)


@operation
def record_broadcast(*, transfer_id: int, is_taken: bool, answer: str, now: datetime) -> Transfer:
    """
    The node took the bytes (or had them), or its answer is not known.

    Taken: the chain is asked for a receipt next. Unknown: the *same bytes* are sent again later;
    nothing new is ever signed because an answer was lost.
    """
    transfer = _locked(transfer_id)
    attempt = transfer.attempts.latest("number")
    lock = transfer.settlement.ref
    if not is_taken:
        TransferAttempt.objects.filter(pk=attempt.pk).update(answer=answer)
        jobs.defer("settlement.broadcast", transfer_id=transfer.pk, lock=lock, later=Later(seconds=SEND_AGAIN_SECONDS))
        return transfer
    if attempt.status == TransferAttempt.Status.SIGNED:
        attempt.move(TransferAttempt.Status.BROADCAST, at=now)
    TransferAttempt.objects.filter(pk=attempt.pk).update(broadcast_at=now, answer=answer)
    if transfer.status == Transfer.Status.SIGNED:
        transfer.move(Transfer.Status.BROADCAST, at=now, reason=answer)
        audit.record("transfer.broadcast", actor=None, subject=transfer, at=now)
    _ask_again(transfer)
    return transfer


@operation
def record_mismatch(*, transfer_id: int, reason: str, now: datetime) -> Transfer:
    """
    What was signed, or what the chain shows, is not what was meant: a human looks, nothing is sent.

    Once: a transfer that is over or already looked at is left as it is.
    """
    transfer = _locked(transfer_id)
    if transfer.status in FOLLOWED:
        _review(transfer, reason, now=now)
    return transfer


@operation
def record_receipt(*, transfer_id: int, receipt: SeenReceipt | None, now: datetime) -> Transfer:
    """
    Where the chain has the payment: unseen, mined or final. Final closes the settlement, once.

    Unseen for too long after it was sent: the same bytes go out again.
    """
    transfer = _locked(transfer_id)
    if transfer.status not in FOLLOWED:
        return transfer
    if receipt is None:
        _unseen(transfer, now=now)
        return transfer
    seen = {"block_number": receipt.block_number, "confirmations": receipt.confirmations}
    if transfer.status != Transfer.Status.MINED:
        transfer.move(Transfer.Status.MINED, at=now, reason="mined", **seen)
        transfer.attempts.latest("number").move(TransferAttempt.Status.MINED, at=now)
    if not receipt.is_final:
        Transfer.objects.filter(pk=transfer.pk).update(**seen)
        _ask_again(transfer)
        return transfer
    transfer.move(Transfer.Status.FINAL, at=now, reason="final", final_at=now, **seen)
    account = transfer.wallet.account.code
    settle(transfer.settlement, account, now=now, paid_by=account)
    return transfer


def _unseen(transfer: Transfer, *, now: datetime) -> None:
    if transfer.status == Transfer.Status.MINED:
        transfer.move(Transfer.Status.BROADCAST, at=now, reason="reorg", confirmations=0, block_number=None)
        transfer.attempts.latest("number").move(TransferAttempt.Status.BROADCAST, at=now)
    attempt = transfer.attempts.latest("number")
    if attempt.broadcast_at is None or now - attempt.broadcast_at > SEND_AGAIN_AFTER:
        jobs.defer("settlement.broadcast", transfer_id=transfer.pk, lock=transfer.settlement.ref)
    else:
        _ask_again(transfer)


def _ask_again(transfer: Transfer) -> None:
    later = Later(seconds=ASK_AGAIN_SECONDS)
    jobs.defer("settlement.track", transfer_id=transfer.pk, lock=transfer.settlement.ref, later=later)


def _review(transfer: Transfer, reason: str, *, now: datetime) -> None:
    transfer.move(Transfer.Status.NEEDS_REVIEW, at=now, reason=reason)
    transfer.settlement.move(Settlement.Status.NEEDS_REVIEW, at=now, reason=reason, detail=transfer.ref)
    change = audit.Change(after={"transfer": transfer.ref}, reason=reason)
    audit.record("settlement.needs_review", actor=None, subject=transfer.settlement, at=now, change=change)
