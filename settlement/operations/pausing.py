"""Stopping a wallet: by itself, or by one person at once. Two people open it again (`settlement.own_acts.wallets`)."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from settlement.models import Wallet
from trading.lib.errors import Conflict, NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User
from users.policies import require_meaningful

PAUSE = "wallet.pause"


class WalletPaused(Conflict):
    """There is nothing to stop."""

    code = "wallet_paused"
    text = _("Wallet {wallet} is paused already.")


@dataclass(frozen=True, slots=True)
class WalletSubject:
    """A wallet in the audit: it has a name and no ref."""

    ref: str


@operation
def pause_wallet(*, wallet_id: int, reason: str, now: datetime) -> Wallet:
    """Sign nothing with a wallet any more, until people have looked at it. Once; a paused one stays as it is."""
    return paused(wallet_id, reason, now=now)


@operation
def pause_wallet_by_hand(*, name: str, actor: User, reason: str, now: datetime) -> Wallet:
    """
    Sign nothing with a wallet any more: one person, at once. What is signed is sent and followed to its end.

    :raises MissingCapability: the actor lacks `wallet.pause`.
    :raises MeaninglessReason: the reason says too little.
    :raises NotFound: there is no such wallet.
    :raises WalletPaused: it is paused.
    """
    capabilities.require(actor, PAUSE)
    reason = require_meaningful(reason)
    found = Wallet.objects.filter(name=name).first()
    if found is None:
        raise NotFound(ref=name)
    wallet = locked(found.pk)
    if wallet.paused_at is not None:
        raise WalletPaused(wallet=name)
    return _pause(wallet, reason, actor=actor, now=now)


def paused(wallet_id: int, reason: str, *, now: datetime) -> Wallet:
    """Pause it by the desk itself, once. Assumes the transaction that decides."""
    wallet = locked(wallet_id)
    return wallet if wallet.paused_at is not None else _pause(wallet, reason, actor=None, now=now)


def locked(wallet_id: int) -> Wallet:
    """Take a wallet's row. Assumes a transaction."""
    return Wallet.objects.select_for_update(of=("self",)).get(pk=wallet_id)


def _pause(wallet: Wallet, reason: str, *, actor: User | None, now: datetime) -> Wallet:
    wallet.paused_at, wallet.pause_reason, wallet.paused_by = now, reason, actor
    wallet.save(update_fields=["paused_at", "pause_reason", "paused_by"])
    after = {"next_nonce": wallet.next_nonce}
    change = audit.Change(after=after, reason=reason, capability=PAUSE if actor else "")
    audit.record("wallet.paused", actor=actor, subject=WalletSubject(wallet.name), at=now, change=change)
    return wallet
