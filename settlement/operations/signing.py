"""Choosing the wallet that pays on chain, and signing one payment of it. Both assume the transaction that decides."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db.models import F, Sum

from settlement import chains, ledger, tron_chains, wallet_limits
from settlement.ledger import Posting
from settlement.models import Balance, PayoutAddress, Transfer, TransferAttempt, Wallet
from trading.lib.money import USDT

NO_WALLET, WALLET_LOW, NO_ADDRESS = "no_wallet", "wallet_low", "address_not_usable"
OVER_LIMIT, OVER_DAILY = "over_wallet_limit", "over_wallet_daily"
WALLET_BUSY = "wallet_busy"  # passes by itself within blocks: not worth a step, nor telling anybody
BUSY_SECONDS, LONGEST_BUSY_SECONDS, DAY = 5, 60, timedelta(hours=24)
IN_FLIGHT = (Transfer.Status.SIGNED, Transfer.Status.BROADCAST)


class SignedTransaction(Protocol):
    """What a signer gives back."""

    @property
    def raw(self) -> bytes:
        """The bytes to send."""

    @property
    def tx_hash(self) -> str:
        """Their hash on chain."""


type Signer = Callable[[Wallet, Transfer], SignedTransaction]
type Hindrance = Callable[[Wallet], str]  # what the chain said before the transaction began; "" for nothing


def unhindered(_wallet: Wallet) -> str:
    """Nobody looked at the chain. A wallet that has to be looked at does not sign then."""
    return ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The wallet that pays, locked; none when `obstacle` says why it cannot be paid."""

    wallet: Wallet | None
    obstacle: str = ""


def choose(
    destination: PayoutAddress | None,
    *,
    minor: int,
    now: datetime,
    hindrance: Hindrance = unhindered,
    promised_minor: int = 0,
) -> Choice:
    """
    Choose the wallet that pays so much there: the first open one of the chain with nothing in its way.

    :param minor: minor units that it takes.
    :param hindrance: what the chain was seen to object to, by wallet.
    :param promised_minor: what others will take before.
    """
    if destination is None or not destination.is_usable(at=now):
        return Choice(None, NO_ADDRESS)
    usable = Wallet.objects.filter(chain=destination.chain, paused_at=None).select_related("account")
    obstacles = []
    for wallet in usable.select_for_update(of=("self",)).order_by("pk"):
        obstacle = _why_not(wallet, minor, promised_minor, now=now) or hindrance(wallet)
        if not obstacle:
            return Choice(wallet)
        obstacles.append(obstacle)
    if WALLET_BUSY in obstacles:
        return Choice(None, WALLET_BUSY)
    return Choice(None, obstacles[0] if obstacles else NO_WALLET)


def _why_not(wallet: Wallet, minor: int, promised_minor: int, *, now: datetime) -> str:
    taken = minor + promised_minor
    if not Balance.objects.filter(posted__gte=F("held") + taken, account_id=wallet.account_id).exists():
        return WALLET_LOW
    if limits := wallet_limits.of(wallet.chain):
        if minor > limits.largest:
            return OVER_LIMIT
        if _signed_since(wallet, now - DAY) + taken > limits.daily:
            return OVER_DAILY
    return WALLET_BUSY if is_busy(wallet) else ""


def is_busy(wallet: Wallet) -> bool:
    """Whether as many of its payments are in no block as its chain lets one address have."""
    most = most_in_flight(wallet.chain)
    return bool(most) and Transfer.objects.filter(wallet=wallet, status__in=IN_FLIGHT).count() >= most


def most_in_flight(chain: str) -> int:
    """How many payments of one wallet may be on their way into a block of a chain; 0 where that does not matter."""
    return chains.most_in_flight(chain) or tron_chains.most_in_flight(chain)


def _signed_since(wallet: Wallet, since: datetime) -> int:
    """What a wallet signed since then that was not given up."""
    signed = Transfer.objects.filter(wallet=wallet, created_at__gt=since).exclude(status=Transfer.Status.ABANDONED)
    return int(signed.aggregate(total=Sum("amount_minor"))["total"] or 0)


def sign(transfer: Transfer, wallet: Wallet, signer: Signer, *, now: datetime) -> Transfer:
    """
    Hold the USDT in the wallet, draw its nonce, store the signed bytes. Nothing is sent yet.

    :param transfer: of what, where to and how much; not saved.
    :param signer: signs locally, called with the wallet's row locked; no network.
    """
    ref, minor = transfer.owner_ref, int(transfer.amount_minor)
    lines = ledger.hold_hot(wallet.account.code, USDT, minor)
    ledger.post(Posting(f"wallet-hold:{ref}:{transfer.generation}", "wallet_hold", ref, lines))
    Wallet.objects.filter(pk=wallet.pk).update(next_nonce=F("next_nonce") + 1)
    transfer.wallet, transfer.nonce = wallet, wallet.next_nonce
    transfer.created_at = transfer.updated_at = now
    transfer.save(force_insert=True)
    signed = signer(wallet, transfer)
    TransferAttempt.objects.create(transfer=transfer, raw=signed.raw, tx_hash=signed.tx_hash, created_at=now)
    return transfer
