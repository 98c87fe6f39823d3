"""Signing the payment of what was claimed, whatever it pays, and having it sent: one step of one transaction."""

from datetime import datetime

from settlement import ledger
from settlement.models import LpPayment, Payable, Settlement, Transfer, Wallet, Withdrawal
from settlement.operations import signing
from settlement.operations.sending import send_signed
from settlement.operations.signing import Choice, Hindrance, Signer
from trading.lib.money import USDT
from users import audit


def start(
    owner: Payable, wallet: Wallet, signer: Signer, *, now: datetime, instead_of: Transfer | None = None
) -> Transfer:
    """
    Sign its payment out of a wallet, `paying`, and let a job send it; nothing was sent yet. Assumes both locked.

    :param instead_of: the payment of it that was given up.
    """
    assert owner.paid_to is not None  # noqa: S101 - whoever claims looks for obstacles first
    new = Transfer(
        generation=instead_of.generation + 1 if instead_of else 1,
        to_address=owner.paid_to.address,
        amount_minor=ledger.minor(owner.paid_amount, USDT),
    )
    setattr(new, owner.word, owner)
    transfer = signing.sign(new, wallet, signer, now=now)
    if instead_of is None:
        sent = {} if isinstance(owner, Settlement) else {"sent_at": now}
        owner.move("paying", at=now, reason="signed", detail="", **sent)
    after = {"transfer": transfer.ref, "wallet": wallet.name, "nonce": transfer.nonce}
    after |= {"instead_of": instead_of.ref} if instead_of else {}
    audit.record(f"{owner.word}.paying", actor=None, subject=owner, at=now, change=audit.Change(after=after))
    send_signed(wallet.pk)
    return transfer


def start_or_wait(
    owner: Withdrawal | LpPayment, signer: Signer, hindrance: Hindrance, *, obstacle: str, now: datetime
) -> None:
    """
    Start an approved one, or leave it approved with the reason why not: it is tried again every minute.

    :param obstacle: what stands in its way already; "" when nothing does.
    """
    choice = choose(owner, hindrance, now=now)
    obstacle = obstacle or choice.obstacle
    if choice.wallet is None or obstacle:
        type(owner).objects.filter(pk=owner.pk).update(reason=obstacle, updated_at=now)
    else:
        start(owner, choice.wallet, signer, now=now)


def choose(owner: Payable, hindrance: Hindrance, *, now: datetime) -> Choice:
    """Choose the wallet that pays it, or say why none can."""
    minor = ledger.minor(owner.paid_amount, USDT)
    return signing.choose(owner.paid_to, minor=minor, now=now, hindrance=hindrance)
