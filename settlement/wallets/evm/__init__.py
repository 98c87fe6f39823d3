"""Wallets on EVM chains that pay an ERC-20 USDT. Importing this takes a second and 60 MB: only where it is used."""

from settlement.wallets.evm.checking import facts_about
from settlement.wallets.evm.wallet import EvmWallet

__all__ = ["EvmWallet", "facts_about"]
