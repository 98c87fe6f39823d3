"""Out of review: paid again, found paid, or given up. All but the last step assume what two people decided."""

from datetime import datetime
from typing import Any

from settlement import autosettle, ledger
from settlement.ledger import Posting
from settlement.models import LpPayment, Payable, PaymentCheck, Transfer, TransferAttempt, Withdrawal
from settlement.operations import by_hand, lp_paying, lp_payments, payables, paying_out, signing, undone, withdrawals
from settlement.operations.signing import Hindrance, Signer, unhindered
from settlement.operations.starting import choose, start
from settlement.operations.tracking import EXPIRED, deliver, made_again
from trading.lib import jobs
from trading.lib.jobs import Later
from trading.lib.money import USDT
from trading.lib.operations import operation
from users import audit
from users.models import ApprovalRequest

HALT_SECONDS = 15


def latest(owner: Payable) -> Transfer | None:
    """The payment that was tried last for it, locked. Assumes the owner locked."""
    found = Transfer.objects.filter(**{owner.word: owner}).select_related("wallet__account")
    transfer = found.select_for_update(of=("self",)).order_by("-generation").first()
    if transfer is not None:
        setattr(transfer, owner.word, owner)
    return transfer


def abandon(transfer: Transfer, *, now: datetime) -> None:
    """It was proved that it can never happen any more: what it held in the wallet is let go. Once."""
    if transfer.status != Transfer.Status.ABANDONED:
        _let_go(transfer, now=now)


def _let_go(transfer: Transfer, *, now: datetime) -> None:
    attempts = TransferAttempt.Status
    ended = attempts.EXPIRED if transfer.reason == EXPIRED else attempts.FAILED
    transfer.move(Transfer.Status.ABANDONED, at=now, reason="void")
    for attempt in transfer.attempts.filter(status__in=[attempts.SIGNED, attempts.BROADCAST]):
        attempt.move(ended, at=now)
    if transfer.final_at is None:
        ref, minor = transfer.owner_ref, int(transfer.amount_minor)
        lines = ledger.hold_hot(transfer.wallet.account.code, USDT, -minor)
        ledger.post(Posting(f"wallet-release:{ref}:{transfer.generation}", "wallet_release", ref, lines))
    else:
        undone.take_back(transfer)
    change = audit.Change(after={"generation": transfer.generation}, reason="void")
    audit.record("transfer.abandoned", actor=None, subject=transfer, at=now, change=change)


def resend(owner: Payable, *, now: datetime) -> None:
    """Give the last payment up, and have a new generation of it signed."""
    transfer = latest(owner)
    assert transfer is not None  # noqa: S101 - what was proved was proved of it
    abandon(transfer, now=now)
    owner.move("paying", at=now, reason="resent", detail=transfer.ref)
    _sign_again(owner)


def _sign_again(owner: Payable, later: Later | None = None) -> None:
    of: dict[str, Any] = {f"{owner.word}_id": owner.pk}
    jobs.defer("settlement.sign_again", lock=owner.ref, later=later, **of)


def give_up(owner: Payable, *, now: datetime) -> None:
    """
    Give the last payment up, and end what it was to pay: the client's money is free, what is owed stays owed.

    What was booked when it was delivered, before the chain undid it, is booked back. A settlement is cancelled instead:
    see `releasing.cancel`.
    """
    transfer = latest(owner)
    assert transfer is not None  # noqa: S101 - what was proved was proved of it
    abandon(transfer, now=now)
    if isinstance(owner, Withdrawal):
        withdrawals.give_up(owner, now=now)
    elif isinstance(owner, LpPayment):
        lp_payments.give_up(owner, now=now)


def confirm(owner: Payable, check: PaymentCheck, *, now: datetime) -> None:
    """The chain has the payment after all, finally: deliver, as if it had never been in review."""
    transfer = latest(owner)
    assert transfer is not None  # noqa: S101 - one of its attempts is what was checked
    seen = {"block_number": check.block_number, "confirmations": check.confirmations}
    final_at = transfer.final_at
    transfer.move(Transfer.Status.FINAL, at=now, reason="confirmed", final_at=final_at or now, **seen)
    attempt = transfer.attempts.get(tx_hash=check.transaction)
    if attempt.status != TransferAttempt.Status.MINED:
        attempt.move(TransferAttempt.Status.MINED, at=now)
    if final_at is None:
        deliver(transfer, now=now)
    else:
        made_again(transfer, now=now)


def take_other(owner: Payable, check: PaymentCheck, *, request: ApprovalRequest, now: datetime) -> None:
    """
    Give the last payment up: another transaction out of a wallet of the desk paid it, as the check says.

    :raises WalletShort: the ledger shows less in that wallet.
    """
    transfer = latest(owner)
    assert transfer is not None  # noqa: S101 - what was proved was proved of it
    abandon(transfer, now=now)
    by_hand.pay_otherwise(owner, check, request=request, now=now)


@operation
def sign_again(*, transfer_id: int, signer: Signer, now: datetime, hindrance: Hindrance = unhindered) -> Payable:
    """
    Sign the next generation of a payment whose last one, this, two people gave up. What it pays is the answer.

    Transfers are halted, or too much is on its way: tried again later. It cannot be paid: it is in review again, with
    that reason.
    """
    given_up = Transfer.objects.select_related("settlement", "withdrawal", "lp_payment").get(pk=transfer_id)
    owner = payables.locked(given_up.owner_ref)
    last = latest(owner)
    if owner.status != "paying" or last is None or last.status != Transfer.Status.ABANDONED:
        return owner
    if autosettle.read().is_halted:
        _sign_again(owner, Later(seconds=HALT_SECONDS))
        return owner
    choice = choose(owner, hindrance, now=now)
    if choice.obstacle == signing.WALLET_BUSY:
        _sign_again(owner, Later(seconds=signing.BUSY_SECONDS))
        return owner
    wallet, obstacle = choice.wallet, _hindered(owner) or choice.obstacle
    if wallet is None or obstacle:
        owner.move("needs_review", at=now, reason=obstacle, detail="")
        change = audit.Change(after={"transfer": last.ref}, reason=obstacle)
        audit.record(f"{owner.word}.needs_review", actor=None, subject=owner, at=now, change=change)
    else:
        start(owner, wallet, signer, now=now, instead_of=last)
    return owner


def _hindered(owner: Payable) -> str:
    if isinstance(owner, Withdrawal):
        return paying_out.hindered(owner)
    return lp_paying.hindered(owner) if isinstance(owner, LpPayment) else ""
