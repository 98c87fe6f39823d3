"""Putting transactions on the simulated chain that the desk did not make."""

import hashlib
from datetime import timedelta

from django.db.models import QuerySet

from settlement import operations
from settlement.ledger import minor
from settlement.models import Settlement, SimulatedTransaction, Wallet
from settlement.own_acts import wallets as own_wallets
from settlement.reconciliation import rounds
from tests import factories
from trading.lib import clock
from trading.lib.money import USDT


def transaction(wallet: Wallet, to_address: str, amount_minor: int, *, nonce: int = 0, seconds_ago: int = 60) -> str:
    """One out of the wallet, accepted so long ago; its id."""
    made = SimulatedTransaction.objects.create(
        tx_hash="0x" + hashlib.sha256(factories.unique("by-hand").encode()).hexdigest(),
        sender=wallet.address,
        nonce=nonce,
        to_address=to_address,
        amount_minor=amount_minor,
        accepted_at=clock.now() - timedelta(seconds=seconds_ago),
    )
    return made.tx_hash


def payment(settlement: Settlement, wallet: Wallet, *, nonce: int = 0, seconds_ago: int = 60) -> str:
    """Exactly what the settlement pays; its id."""
    assert settlement.destination is not None
    amount = minor(settlement.base_amount, USDT)
    return transaction(wallet, settlement.destination.address, amount, nonce=nonce, seconds_ago=seconds_ago)


def explain(wallet: Wallet, tx_hash: str, amount: str = "0.000001") -> None:
    """Two people book what left a wallet without the desk, and say which transaction that was."""
    legs = {"debit": "suspense:USDT", "credit": wallet.account.code, "amount": amount}
    factories.carry("ledger.adjust", "LEDGER", **legs, evidence=f"not ours: {tx_hash}")


def resume(wallet: Wallet) -> None:
    """Two people open a paused wallet, once it was compared."""
    operations.record_reconciliation(outcome=rounds.look_at_chains(), now=clock.now())
    proof = own_wallets.latest(wallet.name)
    assert proof is not None
    wallet.refresh_from_db()
    factories.carry("wallet.resume", wallet.name, next_nonce=own_wallets.next_nonce(wallet, proof))


def payments() -> QuerySet[SimulatedTransaction]:
    """What was sent there, without the money that tests begin with."""
    return SimulatedTransaction.objects.exclude(sender__startswith="mint:")
