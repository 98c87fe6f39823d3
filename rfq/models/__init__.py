"""The market: what is traded, on which terms, and the trades."""

from rfq.models.disputes import Dispute, DisputeNote
from rfq.models.market import Pair, TradingTerms
from rfq.models.trading import Fill, Quote, Rfq

__all__ = ["Dispute", "DisputeNote", "Fill", "Pair", "Quote", "Rfq", "TradingTerms"]
