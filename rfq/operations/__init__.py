"""Writes of the market: one public function per use case."""

from rfq.operations.accepting import accept_quote
from rfq.operations.expiring import expire_due
from rfq.operations.market import NewTerms, open_pair, set_terms
from rfq.operations.quoting import pull_quote, submit_quote
from rfq.operations.requesting import RfqRequest, cancel_rfq, create_rfq

__all__ = [
    "NewTerms",
    "RfqRequest",
    "accept_quote",
    "cancel_rfq",
    "create_rfq",
    "expire_due",
    "open_pair",
    "pull_quote",
    "set_terms",
    "submit_quote",
]
