"""Using up the nonce of a payment in review, so that what waits behind it gets into a block."""

from datetime import datetime

from settlement import autosettle
from settlement.models import NonceFill, Transfer
from settlement.operations.sending import LONGEST_ANSWER
from settlement.operations.signing import Signer
from trading.lib.operations import operation
from users import audit


@operation
def fill_nonce(*, transfer_id: int, number: int, signer: Signer, now: datetime) -> Transfer:
    """
    Sign a transaction that moves nothing with the nonce of a payment in review. Stored before it is sent.

    Left as it is when it is not in review any more, the transfers are halted, or somebody signed one after `number`.
    Nothing of the payment itself changes: whether it can still happen is what the chain says to a check.

    :param number: how many were signed before.
    """
    transfer = Transfer.objects.select_related("wallet").select_for_update(of=("self",)).get(pk=transfer_id)
    is_wanted = transfer.status == Transfer.Status.NEEDS_REVIEW and not autosettle.read().is_halted
    if not is_wanted or transfer.fills.count() != number:
        return transfer
    signed = signer(transfer.wallet, transfer)
    NonceFill.objects.create(
        transfer=transfer, number=number + 1, raw=signed.raw, tx_hash=signed.tx_hash, created_at=now
    )
    after = {"wallet": transfer.wallet.name, "nonce": transfer.nonce, "tx_hash": signed.tx_hash}
    change = audit.Change(after=after, reason=transfer.reason)
    audit.record("transfer.nonce_filled", actor=None, subject=transfer, at=now, change=change)
    return transfer


@operation
def permit_fill(*, fill_id: int) -> bool:
    """Say whether such a transaction may be sent: while its payment is in review, and transfers are not halted."""
    fill = NonceFill.objects.select_related("transfer").get(pk=fill_id)
    return fill.transfer.status == Transfer.Status.NEEDS_REVIEW and not autosettle.read().is_halted


@operation
def record_fill(*, fill_id: int, answer: str, now: datetime) -> NonceFill:
    """Keep when it was first sent, and what the node said last."""
    fill = NonceFill.objects.select_for_update().get(pk=fill_id)
    fill.broadcast_at, fill.answer = fill.broadcast_at or now, answer[:LONGEST_ANSWER]
    fill.save(update_fields=["broadcast_at", "answer"])
    return fill
