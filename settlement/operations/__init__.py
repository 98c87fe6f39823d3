"""Writes about money: one public function per use case."""

from settlement.operations.arrivals import begin_watch, book_arrival, minimum_deposit, record_arrivals, record_gone
from settlement.operations.checking import ask_payment, ask_void, record_payment, record_unreachable, record_void
from settlement.operations.deposits import (
    Receipt,
    announce_deposit,
    bank_details,
    cancel_deposit,
    record_deposit,
)
from settlement.operations.destinations import (
    NewAddress,
    NewBankAccount,
    ask_address,
    ask_bank_account,
    end_address,
    end_bank_account,
)
from settlement.operations.exporting import record_ledger_export
from settlement.operations.filling import fill_nonce, permit_fill, record_fill
from settlement.operations.flag import halt_transfers, turn_flag_off
from settlement.operations.folding import fold_entries
from settlement.operations.funds import (
    add_address,
    add_currency,
    book_deposit,
    fund_wallet,
    open_accounts,
    open_wallet,
)
from settlement.operations.gas import book_gas
from settlement.operations.lateness import tell_late
from settlement.operations.lp_paying import pay_lp, pay_lps_waiting
from settlement.operations.lp_payments import (
    Netting,
    decline_lp_payment,
    record_lp_confirmed,
    record_lp_sent,
    request_lp_payment,
)
from settlement.operations.opening import Terms, TooMuchWaits, open_settlement
from settlement.operations.parties import admit_counterparty
from settlement.operations.pausing import WalletPaused, pause_wallet, pause_wallet_by_hand
from settlement.operations.paying import pay, promised, resume_blocked
from settlement.operations.paying_out import pay_out, pay_out_waiting
from settlement.operations.pruning import prune_reconciliations
from settlement.operations.reconciling import (
    declare_restored,
    notice_home,
    pause_if_behind,
    record_outflows,
    record_reconciliation,
)
from settlement.operations.releasing import release_settlement, sweep
from settlement.operations.reviewing import sign_again
from settlement.operations.sending import (
    broadcast_later,
    permit_broadcast,
    permit_sending,
    record_broadcast,
    record_refused,
    record_unknown,
    track_later,
    wake_wallets,
)
from settlement.operations.tracking import (
    record_expired,
    record_mismatch,
    record_receipt,
    record_still_there,
    record_taken_nonce,
    record_undone,
    replace_attempt,
)
from settlement.operations.undone_arrivals import BOOKED as BOOKED_ARRIVALS
from settlement.operations.undone_arrivals import (
    record_arrival_back,
    record_arrival_undone,
    record_arrivals_looked_at,
)
from settlement.operations.waiting import fund_waiting
from settlement.operations.withdrawals import (
    Offer,
    Wish,
    cancel_withdrawal,
    decline_withdrawal,
    record_confirmed,
    record_sent,
    request_withdrawal,
    work_out,
)

__all__ = [
    "BOOKED_ARRIVALS",
    "Netting",
    "NewAddress",
    "NewBankAccount",
    "Offer",
    "Receipt",
    "Terms",
    "TooMuchWaits",
    "WalletPaused",
    "Wish",
    "add_address",
    "add_currency",
    "admit_counterparty",
    "announce_deposit",
    "ask_address",
    "ask_bank_account",
    "ask_payment",
    "ask_void",
    "bank_details",
    "begin_watch",
    "book_arrival",
    "book_deposit",
    "book_gas",
    "broadcast_later",
    "cancel_deposit",
    "cancel_withdrawal",
    "declare_restored",
    "decline_lp_payment",
    "decline_withdrawal",
    "end_address",
    "end_bank_account",
    "fill_nonce",
    "fold_entries",
    "fund_waiting",
    "fund_wallet",
    "halt_transfers",
    "minimum_deposit",
    "notice_home",
    "open_accounts",
    "open_settlement",
    "open_wallet",
    "pause_if_behind",
    "pause_wallet",
    "pause_wallet_by_hand",
    "pay",
    "pay_lp",
    "pay_lps_waiting",
    "pay_out",
    "pay_out_waiting",
    "permit_broadcast",
    "permit_fill",
    "permit_sending",
    "promised",
    "prune_reconciliations",
    "record_arrival_back",
    "record_arrival_undone",
    "record_arrivals",
    "record_arrivals_looked_at",
    "record_broadcast",
    "record_confirmed",
    "record_deposit",
    "record_expired",
    "record_fill",
    "record_gone",
    "record_ledger_export",
    "record_lp_confirmed",
    "record_lp_sent",
    "record_mismatch",
    "record_outflows",
    "record_payment",
    "record_receipt",
    "record_reconciliation",
    "record_refused",
    "record_sent",
    "record_still_there",
    "record_taken_nonce",
    "record_undone",
    "record_unknown",
    "record_unreachable",
    "record_void",
    "release_settlement",
    "replace_attempt",
    "request_lp_payment",
    "request_withdrawal",
    "resume_blocked",
    "sign_again",
    "sweep",
    "tell_late",
    "track_later",
    "turn_flag_off",
    "wake_wallets",
    "work_out",
]
