"""Wallets: what can pay on a chain. Only `settlement.tasks` and the sandbox come here."""

from settlement.models import Wallet
from settlement.wallets.base import WalletPort
from settlement.wallets.simulated import SimulatedWallet

PORTS: dict[str, type[WalletPort]] = {"simulated": SimulatedWallet}


def port_of(wallet: Wallet) -> WalletPort:
    """
    The port that speaks for a wallet, by its chain.

    :raises KeyError: no port knows the chain.
    """
    return PORTS[wallet.chain](wallet)
