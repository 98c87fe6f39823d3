"""The market: what is traded, on which terms, and the trades."""

from rfq.models.disputes import Dispute, DisputeNote
from rfq.models.market import Pair, TradingTerms
from rfq.models.presence import Heartbeat
from rfq.models.trading import Fill, Invitation, Outcome, Quote, Rfq

__all__ = [
    "Dispute",
    "DisputeNote",
    "Fill",
    "Heartbeat",
    "Invitation",
    "Outcome",
    "Pair",
    "Quote",
    "Rfq",
    "TradingTerms",
]
