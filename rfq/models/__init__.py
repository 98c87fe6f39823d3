"""The market: what is traded, on which terms, at which reference, and the trades."""

from rfq.models.disputes import Dispute, DisputeAttachment, DisputeNote
from rfq.models.feed import FeedMark, PartyEvent, RequestKey
from rfq.models.market import LpTerms, MarketState, Pair, TradingHours, TradingTerms
from rfq.models.presence import Heartbeat
from rfq.models.rates import RateSource, RateTick, ReferencePolicy, ReferenceRate, ReferenceState
from rfq.models.receipts import Receipt
from rfq.models.reports import KeptReport
from rfq.models.trading import DailyNotional, Fill, Invitation, Outcome, Quote, Rfq

__all__ = [
    "DailyNotional",
    "Dispute",
    "DisputeAttachment",
    "DisputeNote",
    "FeedMark",
    "Fill",
    "Heartbeat",
    "Invitation",
    "KeptReport",
    "LpTerms",
    "MarketState",
    "Outcome",
    "Pair",
    "PartyEvent",
    "Quote",
    "RateSource",
    "RateTick",
    "Receipt",
    "ReferencePolicy",
    "ReferenceRate",
    "ReferenceState",
    "RequestKey",
    "Rfq",
    "TradingHours",
    "TradingTerms",
]
