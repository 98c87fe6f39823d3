"""Settling by hand: the trade is delivered by a payment that people made. Assumes what two people decided."""

from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest

from settlement import ledger, legs
from settlement.ledger import InsufficientBalance, Posting
from settlement.models import BankAccount, ManualPayment, PaymentCheck, Settlement, Wallet
from settlement.transactions import WalletShort
from trading.lib.money import USDT
from users.models import ApprovalRequest

Status = Settlement.Status


def settle_by_transaction(
    settlement: Settlement, check: PaymentCheck, *, request: ApprovalRequest, now: datetime
) -> None:
    """
    A transaction out of one of the desk's wallets paid it: booked as if the desk had sent it.

    The wallet's next nonce goes past the one that was used.

    :raises WalletShort: the ledger shows less in that wallet.
    """
    assert check.wallet is not None  # noqa: S101 - the database: it is verified
    assert check.nonce is not None  # noqa: S101 - likewise
    after = Greatest(F("next_nonce"), check.nonce + 1)
    Wallet.objects.filter(pk=check.wallet.pk).update(next_nonce=after)
    ManualPayment.objects.create(
        settlement=settlement, reference=check.transaction, check_made=check, request=request, made_at=now
    )
    lines = legs.client_release(settlement) + legs.delivery(settlement, check.wallet.account.code)
    try:
        ledger.post(Posting(f"delivery:{settlement.ref}", "delivery", settlement.ref, lines))
    except InsufficientBalance as error:
        raise WalletShort from error
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
