"""Claiming a settlement and signing its payment: the transaction that decides that money moves."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from django.db.models import F

from settlement import autosettle, ledger, legs
from settlement.ledger import Posting
from settlement.models import Balance, Settlement, Transfer, TransferAttempt, Wallet
from trading.lib import jobs
from trading.lib.money import USDT
from trading.lib.operations import operation
from users import audit

Status = Settlement.Status
FLAG_OFF = "auto_settlement_off"
NO_WALLET, WALLET_LOW, NO_ADDRESS = "no_wallet", "wallet_low", "address_not_usable"
RESUMED_AT_ONCE = 50


class SignedTransaction(Protocol):
    """What a signer gives back."""

    @property
    def raw(self) -> bytes:
        """The bytes to send."""

    @property
    def tx_hash(self) -> str:
        """Their hash on chain."""


type Signer = Callable[[Wallet, Transfer], SignedTransaction]


@operation
def pay(*, settlement_id: int, signer: Signer, now: datetime) -> Settlement:
    """
    Take an approved settlement as far as one transaction can.

    Flag off: `flagged_off`. No USDT leaves: `settled`. No wallet can pay: `blocked`. Else the payment
    is signed and stored, `paying`, and a job sends it; nothing was sent yet. Whatever is not
    `approved` any more is left as it is: somebody was faster.

    :param signer: signs locally, called with the wallet's row locked; no network.
    """
    rows = Settlement.objects.select_related("client", "lp", "quote_asset", "destination")
    settlement = rows.select_for_update(of=("self",)).get(pk=settlement_id)
    if settlement.status != Status.APPROVED:
        return settlement
    if not autosettle.is_enabled():
        _stop(settlement, Status.FLAGGED_OFF, FLAG_OFF, now=now)
    elif settlement.pays_on_chain:
        _pay_on_chain(settlement, signer, now=now)
    else:
        settle(settlement, ledger.of(settlement.client, USDT), now=now)
    return settlement


def _pay_on_chain(settlement: Settlement, signer: Signer, *, now: datetime) -> None:
    wallet = _wallet_for(settlement)
    obstacle = _obstacle(settlement, wallet, now=now)
    if wallet is None or obstacle:
        _stop(settlement, Status.BLOCKED, obstacle, now=now)
        return
    transfer = _sign(settlement, wallet, signer, now=now)
    settlement.move(Status.PAYING, at=now, reason="signed", detail="")
    change = audit.Change(after={"transfer": transfer.ref, "wallet": wallet.name, "nonce": transfer.nonce})
    audit.record("settlement.paying", actor=None, subject=settlement, at=now, change=change)
    jobs.defer("settlement.broadcast", transfer_id=transfer.pk, lock=settlement.ref)


def _wallet_for(settlement: Settlement) -> Wallet | None:
    """The wallet that pays on the destination's chain, locked; nothing when none is open for payments."""
    assert settlement.destination is not None  # noqa: S101 - pays_on_chain says so
    usable = Wallet.objects.filter(chain=settlement.destination.chain, paused_at=None)
    return usable.select_related("account").select_for_update(of=("self",)).order_by("pk").first()


def _obstacle(settlement: Settlement, wallet: Wallet | None, *, now: datetime, promised: int = 0) -> str:
    """
    Say why the settlement cannot be paid on chain; "" when it can.

    :param promised: minor units of the wallet that others will take before it.
    """
    if settlement.destination is None or not settlement.destination.is_usable(at=now):
        return NO_ADDRESS
    if wallet is None:
        return NO_WALLET
    needed = promised + ledger.minor(settlement.base_amount, USDT)
    covering = Balance.objects.filter(posted__gte=F("held") + needed, account_id=wallet.account_id)
    return "" if covering.exists() else WALLET_LOW


def _sign(settlement: Settlement, wallet: Wallet, signer: Signer, *, now: datetime) -> Transfer:
    assert settlement.destination is not None  # noqa: S101 - see the caller
    account = wallet.account.code
    ledger.post(
        Posting(f"wallet-hold:{settlement.ref}:1", "wallet_hold", settlement.ref, legs.wallet_hold(settlement, account))
    )
    Wallet.objects.filter(pk=wallet.pk).update(next_nonce=F("next_nonce") + 1)
    transfer = Transfer(
        settlement=settlement,
        wallet=wallet,
        to_address=settlement.destination.address,
        amount_minor=ledger.minor(settlement.base_amount, USDT),
        nonce=wallet.next_nonce,
        created_at=now,
        updated_at=now,
    )
    transfer.save(force_insert=True)
    signed = signer(wallet, transfer)
    TransferAttempt.objects.create(transfer=transfer, raw=signed.raw, tx_hash=signed.tx_hash, created_at=now)
    return transfer


def settle(settlement: Settlement, usdt_account: str, *, now: datetime, paid_by: str = "") -> None:
    """
    Post the delivery, let the client's hold go and close the settlement. Assumes its transaction.

    :param paid_by: the wallet's account whose hold goes too, when USDT left it.
    """
    lines = legs.client_release(settlement) + legs.delivery(settlement, usdt_account)
    if paid_by:
        lines += legs.wallet_release(settlement, paid_by)
    ledger.post(Posting(f"delivery:{settlement.ref}", "delivery", settlement.ref, lines))
    settlement.move(Status.SETTLED, at=now, reason="delivered", detail="", settled_at=now)
    change = audit.Change(after={"status": settlement.status, "trade": settlement.trade_ref})
    audit.record("settlement.settled", actor=None, subject=settlement, at=now, change=change)


def _stop(settlement: Settlement, status: str, reason: str, *, now: datetime) -> None:
    before = settlement.status
    settlement.move(status, at=now, reason=reason, detail="")
    change = audit.Change(before={"status": before}, after={"status": status}, reason=reason)
    audit.record(f"settlement.{status}", actor=None, subject=settlement, at=now, change=change)


@operation
def resume_blocked(*, now: datetime) -> int:
    """Approve blocked settlements that can be paid by now, oldest first; the answer is how many."""
    blocked = Settlement.objects.filter(status=Status.BLOCKED).select_related("destination").order_by("pk")
    resumed = 0
    promised: Counter[int] = Counter()
    for settlement in blocked.select_for_update(skip_locked=True, of=("self",))[:RESUMED_AT_ONCE]:
        wallet = _wallet_for(settlement)
        if wallet is None or _obstacle(settlement, wallet, now=now, promised=promised[wallet.pk]):
            continue
        promised[wallet.pk] += ledger.minor(settlement.base_amount, USDT)
        settlement.move(Status.APPROVED, at=now, reason="mended", detail=settlement.reason)
        audit.record("settlement.resumed", actor=None, subject=settlement, at=now)
        jobs.defer("settlement.pay", settlement_id=settlement.pk, lock=settlement.ref)
        resumed += 1
    return resumed
