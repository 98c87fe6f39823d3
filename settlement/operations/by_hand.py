"""Settling by hand: what is owed was paid by a payment that people made. Assumes what two people decided."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest

from settlement import ledger, legs
from settlement.ledger import InsufficientBalance, Posting
from settlement.models import BankAccount, ManualPayment, Payable, PaymentCheck, Settlement, Wallet, Withdrawal
from settlement.operations import undone
from settlement.operations.lp_paying import finish_lp_payment
from settlement.operations.paying_out import finish_on_chain
from settlement.transactions import WalletShort
from trading.lib.money import USDT
from users.models import ApprovalRequest

Status = Settlement.Status
ENDS = {"settlement": Status.SETTLED_MANUALLY, "withdrawal": "confirmed", "lp_payment": "confirmed"}


def settle_by_transaction(
    settlement: Settlement, check: PaymentCheck, *, request: ApprovalRequest, now: datetime
) -> None:
    """
    A transaction out of one of the desk's wallets paid it: booked as if the desk had sent it.

    The wallet's next nonce goes past the one that was used.

    :raises WalletShort: the ledger shows less in that wallet.
    """
    wallet = _paid_by(settlement, check, request=request, now=now)
    with _covered():
        _deliver(settlement, wallet, now=now)


def pay_otherwise(owner: Payable, check: PaymentCheck, *, request: ApprovalRequest, now: datetime) -> None:
    """
    The same of whatever is paid on chain, after its own payment was given up. What was delivered before is paid again.

    :raises WalletShort: the ledger shows less in that wallet.
    """
    wallet = _paid_by(owner, check, request=request, now=now)
    with _covered():
        if undone.was_delivered(owner):
            undone.pay_again(owner, wallet, key=check.ref, is_held=False)
            owner.move(ENDS[owner.word], at=now, reason="by_hand", detail="")
        elif isinstance(owner, Settlement):
            _deliver(owner, wallet, now=now)
        elif isinstance(owner, Withdrawal):
            finish_on_chain(owner, wallet, now=now, is_held=False)
        else:
            finish_lp_payment(owner, wallet, now=now, is_held=False)


def _paid_by(owner: Payable, check: PaymentCheck, *, request: ApprovalRequest, now: datetime) -> str:
    """Write the payment down; the account of the wallet that made it."""
    assert check.wallet is not None  # noqa: S101 - the database: it is verified
    assert check.nonce is not None  # noqa: S101 - likewise
    after = Greatest(F("next_nonce"), check.nonce + 1)
    Wallet.objects.filter(pk=check.wallet.pk).update(next_nonce=after)
    payment = ManualPayment(reference=check.transaction, check_made=check, request=request, made_at=now)
    setattr(payment, owner.word, owner)
    payment.save(force_insert=True)
    return check.wallet.account.code


@contextmanager
def _covered() -> Iterator[None]:
    try:
        yield
    except InsufficientBalance as error:
        raise WalletShort from error


def _deliver(settlement: Settlement, wallet_account: str, *, now: datetime) -> None:
    lines = legs.client_release(settlement) + legs.delivery(settlement, wallet_account)
    ledger.post(Posting(f"delivery:{settlement.ref}", "delivery", settlement.ref, lines))
    _settled(settlement, now=now)


def settle_by_bank(
    settlement: Settlement, account: BankAccount, reference: str, *, request: ApprovalRequest, now: datetime
) -> None:
    """The desk's bank paid the client's money to its account instead of crediting it here."""
    ManualPayment.objects.create(
        settlement=settlement, reference=reference, account=account, request=request, made_at=now
    )
    usdt, fiat = ledger.of(settlement.client, USDT), settlement.quote_asset.unit
    lines = legs.client_release(settlement) + legs.delivery(settlement, usdt, fiat_account=ledger.desk("bank", fiat))
    ledger.post(Posting(f"delivery:{settlement.ref}", "delivery", settlement.ref, lines))
    _settled(settlement, now=now)


def _settled(settlement: Settlement, *, now: datetime) -> None:
    settlement.move(Status.SETTLED_MANUALLY, at=now, reason="by_hand", detail="", settled_at=now)
