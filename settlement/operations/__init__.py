"""Writes about money: one public function per use case."""

from settlement.operations.flag import turn_flag_off
from settlement.operations.funds import (
    add_address,
    add_currency,
    book_deposit,
    fund_wallet,
    open_accounts,
    open_wallet,
)
from settlement.operations.opening import Terms, open_settlement
from settlement.operations.paying import pay, resume_blocked
from settlement.operations.tracking import record_broadcast, record_mismatch, record_receipt

__all__ = [
    "Terms",
    "add_address",
    "add_currency",
    "book_deposit",
    "fund_wallet",
    "open_accounts",
    "open_settlement",
    "open_wallet",
    "pay",
    "record_broadcast",
    "record_mismatch",
    "record_receipt",
    "resume_blocked",
    "turn_flag_off",
]
