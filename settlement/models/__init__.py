"""Money: the ledger, the delivery of trades, and the wallets that pay."""

from settlement.models.ledger import Asset, Balance, Entry, Journal, LedgerAccount
from settlement.models.settlements import PayoutAddress, Settlement, SettlementTransition
from settlement.models.simulated import SimulatedTransaction
from settlement.models.transfers import Transfer, TransferAttempt, Wallet

__all__ = [
    "Asset",
    "Balance",
    "Entry",
    "Journal",
    "LedgerAccount",
    "PayoutAddress",
    "Settlement",
    "SettlementTransition",
    "SimulatedTransaction",
    "Transfer",
    "TransferAttempt",
    "Wallet",
]
