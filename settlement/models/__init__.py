"""Money: the ledger, the delivery of trades, and the wallets that pay."""

from settlement.models.by_hand import ManualPayment, PaymentCheck
from settlement.models.deposits import ArrivalWatch, Deposit
from settlement.models.destinations import BankAccount
from settlement.models.ledger import Asset, Balance, Entry, Journal, LedgerAccount
from settlement.models.lp_payments import LpPayment
from settlement.models.policies import SettlementPolicy, WalletPolicy, WithdrawalPolicy
from settlement.models.reconciling import ChainReading, DatabaseHome, Outflow, Reconciliation
from settlement.models.references import BookedReference
from settlement.models.reversals import Reversal
from settlement.models.settlements import PayoutAddress, Settlement, SettlementTransition
from settlement.models.simulated import SimulatedTransaction
from settlement.models.standings import DaySum, FoldMark, LpSide
from settlement.models.transfers import NonceFill, Payable, Transfer, TransferAttempt, Wallet
from settlement.models.withdrawals import Withdrawal

__all__ = [
    "ArrivalWatch",
    "Asset",
    "Balance",
    "BankAccount",
    "BookedReference",
    "ChainReading",
    "DatabaseHome",
    "DaySum",
    "Deposit",
    "Entry",
    "FoldMark",
    "Journal",
    "LedgerAccount",
    "LpPayment",
    "LpSide",
    "ManualPayment",
    "NonceFill",
    "Outflow",
    "Payable",
    "PaymentCheck",
    "PayoutAddress",
    "Reconciliation",
    "Reversal",
    "Settlement",
    "SettlementPolicy",
    "SettlementTransition",
    "SimulatedTransaction",
    "Transfer",
    "TransferAttempt",
    "Wallet",
    "WalletPolicy",
    "Withdrawal",
    "WithdrawalPolicy",
]
