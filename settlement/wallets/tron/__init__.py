"""Wallets on TRON networks that pay a TRC-20 USDT."""

from settlement.wallets.tron.checking import facts_about
from settlement.wallets.tron.wallet import TronWallet, address_of

__all__ = ["TronWallet", "address_of", "facts_about"]
