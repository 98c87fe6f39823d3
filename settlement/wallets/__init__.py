"""Wallets: what can pay on a chain. Only `settlement.tasks`, two commands and the sandbox come here."""

from settlement import chains, tron_chains
from settlement.models import Wallet
from settlement.wallets.base import WalletPort
from settlement.wallets.simulated import SimulatedWallet

PORTS: dict[str, type[WalletPort]] = {"simulated": SimulatedWallet}


class NoPort(LookupError):
    """Nothing here is set up for the wallet's chain."""


def port_of(wallet: Wallet) -> WalletPort:
    """
    The port that speaks for a wallet, by its chain.

    :raises NoPort: no port knows the chain.
    """
    if port := PORTS.get(wallet.chain):
        return port(wallet)
    if wallet.chain in chains.configured():
        from settlement.wallets.evm import EvmWallet  # noqa: PLC0415 - web3: a second and 60 MB, only where it is used

        return EvmWallet(wallet)
    if wallet.chain in tron_chains.configured():
        from settlement.wallets.tron import TronWallet  # noqa: PLC0415 - the keys: half a second, only where it is used

        return TronWallet(wallet)
    raise NoPort(wallet.chain)
