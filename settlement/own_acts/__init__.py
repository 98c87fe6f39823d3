"""The acts on money that two decide."""

from settlement.own_acts import chain_deposits, reviewing
from settlement.own_acts.adjusting import AdjustLedger
from settlement.own_acts.by_hand import SettleManually
from settlement.own_acts.credit import ChangeCredit
from settlement.own_acts.deposits import ConfirmDeposit, ReturnDeposit
from settlement.own_acts.destinations import AddAddress, AddBankAccount
from settlement.own_acts.flag import ResumeTransfers, TurnFlagOn
from settlement.own_acts.lp_payments import ApproveLpPayment, ReceiveLpPayment, ReturnLpPayment
from settlement.own_acts.settlements import (
    CancelSettlement,
    ChangeSettlementPolicy,
    ReleaseBacklog,
    ReleaseSettlement,
)
from settlement.own_acts.wallet_policy import ChangeWalletPolicy
from settlement.own_acts.wallets import ResumeWallet
from settlement.own_acts.withdrawal_policy import ChangeWithdrawalPolicy
from settlement.own_acts.withdrawals import ApproveWithdrawal, ReturnWithdrawal
from users import acts

ACTS: tuple[type[acts.Act], ...] = (
    TurnFlagOn,
    AddAddress,
    AddBankAccount,
    ConfirmDeposit,
    ReturnDeposit,
    *chain_deposits.ACTS,
    ApproveWithdrawal,
    ReturnWithdrawal,
    ApproveLpPayment,
    ReceiveLpPayment,
    ReturnLpPayment,
    ChangeCredit,
    ResumeTransfers,
    ResumeWallet,
    ReleaseSettlement,
    CancelSettlement,
    SettleManually,
    *reviewing.ACTS,
    AdjustLedger,
    ReleaseBacklog,
    ChangeSettlementPolicy,
    ChangeWithdrawalPolicy,
    ChangeWalletPolicy,
)


def register() -> None:
    """Make them known."""
    for act in ACTS:
        acts.register(act())
