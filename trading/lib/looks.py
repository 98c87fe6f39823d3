"""How states look, in one place: words, icon and tone. Colour is never the only sign."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Look:
    """The words, the icon and the tone (ok, warn, bad, info, hold or idle) of one state."""

    words: str | Promise
    icon: str
    tone: str


LOOKS: dict[str, dict[str, Look]] = {
    "rfq": {
        "open": Look(_("Waiting for quotes"), "hourglass", "warn"),
        "quoted": Look(_("Quoted"), "send", "info"),
        "filled": Look(_("Filled"), "circle-check", "ok"),
        "cancelled": Look(_("Cancelled"), "circle-x", "idle"),
        "expired": Look(_("Expired"), "clock", "idle"),
        "rejected": Look(_("Rejected"), "ban", "bad"),
    },
    "quote": {
        "entered": Look(_("To be confirmed"), "hourglass", "warn"),
        "active": Look(_("Active"), "send", "info"),
        "traded": Look(_("Traded"), "circle-check", "ok"),
        "done_away": Look(_("Done away"), "circle-x", "idle"),
        "pulled": Look(_("Pulled"), "arrow-left", "idle"),
        "replaced": Look(_("Replaced"), "refresh", "idle"),
        "expired": Look(_("Expired"), "clock", "idle"),
        "rejected": Look(_("Rejected"), "ban", "bad"),
    },
    "reference": {
        "ok": Look(_("Good"), "circle-check", "ok"),
        "stale": Look(_("Stale"), "clock", "bad"),
        "missing": Look(_("Missing"), "alert-triangle", "bad"),
        "disagreeing": Look(_("Sources disagree"), "arrows-exchange", "bad"),
        "absurd": Look(_("Too far from the last"), "alert-circle", "bad"),
    },
    "tick": {
        "used": Look(_("Used"), "check", "ok"),
        "outlier": Look(_("Left out"), "ban", "warn"),
        "stale": Look(_("Too old"), "clock", "warn"),
    },
    "asked": {
        "answered": Look(_("Answered"), "circle-check", "ok"),
        "passed": Look(_("Passed"), "arrow-left", "idle"),
        "silent": Look(_("No answer"), "clock", "idle"),
    },
    "notification": {
        "waiting": Look(_("Waiting"), "hourglass", "warn"),
        "sending": Look(_("Under way"), "send", "info"),
        "sent": Look(_("Sent"), "circle-check", "ok"),
        "failed": Look(_("Given up"), "circle-x", "bad"),
        "unreachable": Look(_("Unreachable"), "ban", "bad"),
        "too_late": Look(_("Too late to mean anything"), "clock", "idle"),
    },
    "lp": {
        "paused": Look(_("Paused"), "player-pause", "bad"),
    },
    "program": {
        "none": Look(_("No program"), "users", "idle"),
        "heard": Look(_("Program heard"), "circle-check", "ok"),
        "silent": Look(_("Program silent"), "alert-triangle", "bad"),
    },
    "settlement": {
        "awaiting_funds": Look(_("Awaiting funds"), "coins", "warn"),
        "flagged_off": Look(_("Flagged off"), "flag", "warn"),
        "awaiting_approval": Look(_("Awaiting approval"), "hourglass", "hold"),
        "approved": Look(_("Approved"), "check", "info"),
        "paying": Look(_("Paying"), "send", "info"),
        "blocked": Look(_("Blocked"), "hand-stop", "bad"),
        "needs_review": Look(_("Needs review"), "alert-circle", "bad"),
        "settled": Look(_("Settled"), "circle-check", "ok"),
        "settled_manually": Look(_("Settled by hand"), "circle-check", "ok"),
        "cancelled": Look(_("Cancelled"), "circle-x", "idle"),
        "reversed": Look(_("Reversed"), "refresh", "idle"),
    },
    "deposit": {
        "announced": Look(_("Announced"), "hourglass", "info"),
        "received": Look(_("Received"), "coins", "hold"),
        "suspense": Look(_("Sender unknown"), "alert-circle", "warn"),
        "credited": Look(_("Credited"), "circle-check", "ok"),
        "returned": Look(_("Returned"), "refresh", "idle"),
        "cancelled": Look(_("Cancelled"), "circle-x", "idle"),
        "seen": Look(_("Seen on chain"), "hourglass", "info"),
        "gone": Look(_("Gone from the chain"), "circle-x", "idle"),
        "left_out": Look(_("Not a deposit"), "circle-x", "idle"),
        "undone": Look(_("Undone by its chain"), "alert-triangle", "bad"),
        "taken_off": Look(_("Taken off again"), "refresh", "idle"),
    },
    "withdrawal": {
        "requested": Look(_("Requested"), "hourglass", "hold"),
        "approved": Look(_("Approved"), "check", "info"),
        "sent": Look(_("Sent"), "send", "info"),
        "paying": Look(_("Paying"), "send", "info"),
        "needs_review": Look(_("Needs review"), "alert-circle", "bad"),
        "confirmed": Look(_("Confirmed"), "circle-check", "ok"),
        "returned": Look(_("Returned"), "refresh", "warn"),
        "declined": Look(_("Declined"), "ban", "idle"),
        "cancelled": Look(_("Cancelled"), "circle-x", "idle"),
    },
    "lp_payment": {
        "requested": Look(_("Requested"), "hourglass", "hold"),
        "approved": Look(_("Approved"), "check", "info"),
        "sent": Look(_("Sent"), "send", "info"),
        "paying": Look(_("Paying"), "send", "info"),
        "needs_review": Look(_("Needs review"), "alert-circle", "bad"),
        "confirmed": Look(_("Confirmed"), "circle-check", "ok"),
        "returned": Look(_("Returned"), "refresh", "warn"),
        "declined": Look(_("Declined"), "ban", "idle"),
    },
    "destination": {
        "asked": Look(_("Waiting for approval"), "hourglass", "warn"),
        "approved": Look(_("Approved"), "circle-check", "ok"),
        "ended": Look(_("Ended"), "circle-x", "idle"),
    },
    "transfer": {
        "signed": Look(_("Signed"), "lock", "info"),
        "broadcast": Look(_("Broadcast"), "send", "info"),
        "mined": Look(_("Mined"), "receipt", "info"),
        "final": Look(_("Final"), "circle-check", "ok"),
        "needs_review": Look(_("Needs review"), "alert-circle", "bad"),
        "abandoned": Look(_("Abandoned"), "circle-x", "idle"),
        "failed": Look(_("Failed"), "alert-circle", "bad"),
        "superseded": Look(_("Superseded"), "refresh", "idle"),
        "expired": Look(_("Expired"), "clock", "idle"),
    },
    "approval": {
        "pending": Look(_("Pending"), "hourglass", "warn"),
        "approved": Look(_("Approved"), "check", "info"),
        "executed": Look(_("Executed"), "circle-check", "ok"),
        "failed": Look(_("Failed"), "alert-circle", "bad"),
        "declined": Look(_("Declined"), "ban", "bad"),
        "expired": Look(_("Expired"), "clock", "idle"),
        "cancelled": Look(_("Withdrawn"), "arrow-left", "idle"),
        "superseded": Look(_("Superseded"), "refresh", "idle"),
    },
    "verdict": {
        "approve": Look(_("Approved"), "check", "ok"),
        "decline": Look(_("Declined"), "ban", "bad"),
    },
    "user": {
        "pending": Look(_("Pending"), "hourglass", "warn"),
        "active": Look(_("Active"), "circle-check", "ok"),
        "rejected": Look(_("Rejected"), "ban", "bad"),
        "suspended": Look(_("Suspended"), "hand-stop", "bad"),
    },
    "dispute": {
        "open": Look(_("Open"), "hourglass", "warn"),
        "assigned": Look(_("Assigned"), "user", "info"),
        "resolved": Look(_("Resolved"), "circle-check", "ok"),
        "withdrawn": Look(_("Withdrawn"), "circle-x", "idle"),
    },
    "onboarding": {
        "passed": Look(_("Passed"), "check", "ok"),
        "failed": Look(_("Failed"), "ban", "bad"),
        "missing": Look(_("Missing"), "alert-triangle", "bad"),
        "expired": Look(_("Expired"), "clock", "bad"),
    },
    "key": {
        "uncollected": Look(_("Not collected yet"), "hourglass", "warn"),
        "lapsed": Look(_("Never collected"), "clock", "idle"),
        "live": Look(_("Live"), "circle-check", "ok"),
        "expired": Look(_("Expired"), "clock", "idle"),
        "revoked": Look(_("Revoked"), "hand-stop", "bad"),
    },
    "market": {
        "open": Look(_("Traded now"), "circle-check", "ok"),
        "paused": Look(_("Paused"), "player-pause", "bad"),
    },
    "alert": {
        "pending": Look(_("Not for long enough yet"), "hourglass", "idle"),
        "firing": Look(_("Firing"), "bell", "bad"),
        "acknowledged": Look(_("Acknowledged"), "check", "info"),
        "resolved": Look(_("Over"), "circle-check", "ok"),
    },
    "severity": {
        "info": Look(_("Info"), "info-circle", "info"),
        "warning": Look(_("Warning"), "alert-triangle", "warn"),
        "critical": Look(_("Critical"), "alert-circle", "bad"),
    },
    "counterparty": {
        "active": Look(_("Active"), "circle-check", "ok"),
        "frozen": Look(_("Frozen"), "hand-stop", "bad"),
    },
}


REASONS: dict[str, str | Promise] = {
    "auto_settlement_off": _("Automatic settlement is off"),
    "above_threshold": _("At or above the release threshold"),
    "not_covered": _("Waiting for the client's funds"),
    "covered": _("The client's funds are reserved"),
    "signed": _("The payment is signed"),
    "delivered": _("Both sides are delivered"),
    "reversed": _("Two people took the trade back"),
    "mended": _("Can be paid again"),
    "address_not_usable": _("No usable address"),
    "no_wallet": _("No wallet can pay it"),
    "wallet_low": _("The wallet has too little"),
    "signed_bytes_differ": _("The signed bytes pay something else"),
    "node_refused": _("The node refused the transaction"),
    "expired_unseen": _("No block took it in its time"),
    "out_of_energy": _("It lacked energy in its block"),
    "no_energy": _("The wallet lacks energy and TRX"),
    "wallet_not_activated": _("The wallet has no account on the network yet"),
    "deep_reorg": _("The chain undid a final payment"),
    "final_again": _("Final again after the chain undid it"),
    "wallet_busy": _("The wallet has much on its way"),
    "over_wallet_limit": _("More than a wallet may pay at once"),
    "over_wallet_daily": _("More than a wallet may pay in a day"),
    "chain_unreachable": _("No node of the chain answers"),
    "chain_not_configured": _("The chain is not set up here"),
    "no_key": _("The wallet's key is not here"),
    "no_gas": _("The wallet lacks coins for gas"),
    "fees_too_high": _("The chain asks for higher fees than allowed"),
    "chain_balance_low": _("The wallet has too little on its chain"),
    "token_paused": _("The token is paused by its issuer"),
    "wallet_blacklisted": _("The token's issuer has blocked the wallet"),
    "address_blacklisted": _("The token's issuer has blocked the address"),
    "token_takes_fee": _("The token takes a fee at present"),
    "transfer_would_fail": _("The chain would refuse the transfer"),
    "reverted": _("The chain undid it in its block"),
    "out_of_gas": _("It lacked gas in its block"),
    "wrong_log": _("It moved something else than was meant"),
    "chain_shows_another_payment": _("The chain shows another payment"),
    "accepted": _("The node took it"),
    "known": _("The node knew it already"),
    "unknown": _("No clear answer; the chain is being asked"),
    "mined": _("In a block"),
    "final": _("Deep enough to be final"),
    "reorg": _("The chain was reorganised"),
    # why RFQs and quotes are refused at birth
    "frozen": _("Frozen"),
    "no_terms": _("No terms on the pair"),
    "below_minimum": _("Below the client's minimum"),
    "above_maximum": _("Above the client's maximum"),
    "no_address": _("No approved address"),
    "rfq_over": _("The RFQ was over"),
    "rfq_expired": _("The RFQ was past its time"),
    "no_reference": _("No reference rate to hold it against"),
    "price_band": _("Too far from the reference rate"),
    "daily_limit": _("Over the client's daily limit"),
    "desk_paused": _("The desk was paused"),
    "pair_paused": _("The pair was paused"),
    "outside_hours": _("Outside the trading hours"),
    "lp_paused": _("The LP was paused"),
    "lp_cap": _("The LP's cap was reached"),
}


def look_of(machine: str, status: str) -> Look:
    """Find the look of a state; one that has none is shown by its own name, so that nothing is hidden."""
    return LOOKS[machine].get(status) or Look(status, "info-circle", "idle")


def reason_words(code: str) -> str:
    """Say why something is in its state; a code that has no words yet is shown as it is."""
    return str(REASONS.get(code, code))
