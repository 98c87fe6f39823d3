"""Writes of the market: one public function per use case."""

from rfq.operations.accepting import accept_quote
from rfq.operations.attaching import (
    Received,
    announce_attachment,
    attach,
    read_attachment,
    read_own_attachment,
    refuse_attachment,
)
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
from rfq.operations.exporting import record_history_export
from rfq.operations.feeding import claim_request_key, forget_old_news, tell_parties
from rfq.operations.market import open_pair
from rfq.operations.pausing import (
    AlreadyPaused,
    NotYourPause,
    end_own_pause,
    freeze_client,
    pause_desk,
    pause_lp,
    pause_pair,
)
from rfq.operations.presence import beat, stop_beating, watch_heartbeat
from rfq.operations.pulling import pass_rfq, pull_quote, pull_quotes
from rfq.operations.quoting import Offer, confirm_quote, enter_quote, submit_quote
from rfq.operations.rating import sweep_rates, take_rates
from rfq.operations.receipts import issue_receipt
from rfq.operations.reporting import keep_report
from rfq.operations.requesting import RfqRequest, cancel_rfq, create_rfq, enter_rfq

__all__ = [
    "AlreadyPaused",
    "Complaint",
    "NotYourPause",
    "Offer",
    "Received",
    "Remark",
    "RfqRequest",
    "accept_quote",
    "add_note",
    "announce_attachment",
    "assign_dispute",
    "attach",
    "beat",
    "cancel_rfq",
    "claim_request_key",
    "confirm_quote",
    "create_rfq",
    "end_own_pause",
    "enter_quote",
    "enter_rfq",
    "expire_due",
    "forget_old_news",
    "freeze_client",
    "issue_receipt",
    "keep_report",
    "open_dispute",
    "open_pair",
    "pass_rfq",
    "pause_desk",
    "pause_lp",
    "pause_pair",
    "pull_quote",
    "pull_quotes",
    "read_attachment",
    "read_own_attachment",
    "record_history_export",
    "refuse_attachment",
    "resolve_dispute",
    "stop_beating",
    "submit_quote",
    "sweep_rates",
    "take_rates",
    "tell_parties",
    "unassign_dispute",
    "watch_heartbeat",
    "withdraw_dispute",
]
