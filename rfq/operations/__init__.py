"""Writes of the market: one public function per use case."""

from rfq.operations.accepting import accept_quote
from rfq.operations.disputes import (
    Complaint,
    Remark,
    add_note,
    assign_dispute,
    open_dispute,
    resolve_dispute,
    unassign_dispute,
    withdraw_dispute,
)
from rfq.operations.expiring import expire_due
from rfq.operations.market import NewTerms, open_pair, set_terms
from rfq.operations.quoting import pull_quote, submit_quote
from rfq.operations.requesting import RfqRequest, cancel_rfq, create_rfq

__all__ = [
    "Complaint",
    "NewTerms",
    "Remark",
    "RfqRequest",
    "accept_quote",
    "add_note",
    "assign_dispute",
    "cancel_rfq",
    "create_rfq",
    "expire_due",
    "open_dispute",
    "open_pair",
    "pull_quote",
    "resolve_dispute",
    "set_terms",
    "submit_quote",
    "unassign_dispute",
    "withdraw_dispute",
]
