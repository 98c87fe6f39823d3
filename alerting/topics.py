"""
What people can be told about, and how loudly.

Every event that is told belongs to one topic or to none. What belongs to none is always told, with
sound: that an account is cut off, that evidence does not verify. A topic concerns some sides only;
for the others its events are always told, too (the client's own card is an answer, not a notice).
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from users.models import User

CLIENT, LP, DESK = "client", "lp", "desk"


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of news; `sides` is who hears of it."""

    code: str
    words: str | Promise
    sides: frozenset[str]


TOPICS = {
    topic.code: topic
    for topic in (
        Topic("requests", _("New requests for a price"), frozenset({LP})),
        Topic("trades", _("Trades"), frozenset({LP})),
        Topic("settlements", _("Settlements and receipts"), frozenset({CLIENT, LP})),
        Topic("money", _("Deposits, withdrawals and other payments"), frozenset({CLIENT, LP})),
        Topic("destinations", _("New addresses and bank accounts"), frozenset({DESK})),
        Topic("disputes", _("Disputes"), frozenset({CLIENT, LP, DESK})),
        Topic("pauses", _("An LP paused by its own numbers"), frozenset({LP, DESK})),
        Topic("sign_ins", _("Alarms about sign-ins"), frozenset({DESK})),
    )
}

TOPIC_OF_EVENT = {
    "rfq.created": "requests",
    "fill.booked": "trades",
    "settlement.settled": "settlements",
    "settlement.settled_manually": "settlements",
    "settlement.cancelled": "settlements",
    "fill.reversed": "settlements",
    "ledger.adjusted": "money",
    "settlement.flagged_off": "settlements",
    "settlement.blocked": "settlements",
    "settlement.needs_review": "settlements",
    "settlement.final_again": "settlements",
    "settlement.paid_again": "settlements",
    "deposit.received": "money",
    "deposit.cancelled": "money",
    "deposit.credited": "money",
    "deposit.returned": "money",
    "deposit.taken_off": "money",
    "withdrawal.approved": "money",
    "withdrawal.cancelled": "money",
    "withdrawal.paying": "money",
    "withdrawal.needs_review": "money",
    "withdrawal.final_again": "money",
    "withdrawal.paid_again": "money",
    "withdrawal.sent": "money",
    "withdrawal.confirmed": "money",
    "withdrawal.returned": "money",
    "withdrawal.declined": "money",
    "lp_payment.requested": "money",
    "lp_payment.approved": "money",
    "lp_payment.sent": "money",
    "lp_payment.paying": "money",
    "lp_payment.needs_review": "money",
    "lp_payment.final_again": "money",
    "lp_payment.paid_again": "money",
    "credit.changed": "money",
    "lp_payment.confirmed": "money",
    "lp_payment.received": "money",
    "lp_payment.returned": "money",
    "lp_payment.declined": "money",
    "address.asked": "destinations",
    "bank_account.asked": "destinations",
    "dispute.opened": "disputes",
    "dispute.assigned": "disputes",
    "dispute.noted": "disputes",
    "dispute.attached": "disputes",
    "dispute.resolved": "disputes",
    "dispute.withdrawn": "disputes",
    "lp.paused": "pauses",
    "sign_in.locked_out": "sign_ins",
    "token.reused": "sign_ins",
    "passkey.counter_went_back": "sign_ins",
}


def side_of(user: User) -> str:
    """Say on which side of a trade somebody stands."""
    return user.counterparty.kind if user.counterparty else DESK


def of(user: User) -> list[Topic]:
    """List the topics that concern this person."""
    return [topic for topic in TOPICS.values() if side_of(user) in topic.sides]


def concerning(event: str, user: User) -> Topic | None:
    """Find the topic under which this person hears of such an event; none when it is always told."""
    topic = TOPICS.get(TOPIC_OF_EVENT.get(event, ""))
    return topic if topic and side_of(user) in topic.sides else None
