"""What alerts are called, and what the values they carry say, for people."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TITLES: dict[str, str | Promise] = {
    "quote_sla_missed": _("Requests wait for a first quote"),
    "spread_wide": _("Spreads are wide"),
    "reference_stale": _("The reference rate is old"),
    "settle_sla_missed": _("Settlements are late"),
    "settlement_queue_stuck": _("The settlement queue does not move"),
    "settlement_queue_long": _("The settlement queue is long"),
    "flagged_off": _("Deliveries are flagged off"),
    "flagged_off_surge": _("Unusually many deliveries are flagged off"),
    "transfer_unknown": _("Nobody knows whether a payment happened"),
    "wallet_low": _("A wallet has less than its minimum"),
    "wallet_gas_low": _("A wallet is short of coins for fees"),
    "wallet_stale": _("A wallet's chain was not read"),
    "ledger_imbalance": _("The books do not agree with themselves"),
    "chain_ledger_difference": _("Chain and books differ"),
    "approval_overdue": _("A request waits too long for its decision"),
    "quorum_unreachable": _("Too few people could decide"),
    "audit_chain_broken": _("The evidence is not whole"),
    "sign_in_lockouts": _("Many sign-ins were locked out"),
    "recovery_code_used": _("Somebody signed in with a recovery code"),
    "stalled_jobs": _("Jobs are stalled"),
    "worker_silent": _("The worker is silent"),
    "bot_silent": _("The bot is silent"),
    "telegram_errors": _("Telegram does not take messages"),
    "chat_unreachable": _("Nothing reaches somebody with open trades"),
    "alerts_suppressed": _("Alerts are held back again and again"),
    "collector_failing": _("A monitor fails"),
}
NUMBER, TIME, CODE, WORDS = "number", "time", "code", "words"


@dataclass(frozen=True, slots=True)
class Value:
    """What one value of an alert is called, and what it is: a number, an instant, a code, or words."""

    label: str | Promise
    kind: str


VALUES: dict[str, Value] = {
    "count": Value(_("How many"), NUMBER),
    "of": Value(_("Out of"), NUMBER),
    "limit": Value(_("Alarm from"), NUMBER),
    "usual": Value(_("On a usual day"), NUMBER),
    "bps": Value(_("Basis points"), NUMBER),
    "limit_bps": Value(_("Alarm above"), NUMBER),
    "free_usdt": Value(_("Free (USDT)"), NUMBER),
    "minimum_usdt": Value(_("Minimum (USDT)"), NUMBER),
    "transfers": Value(_("Good for so many payments"), NUMBER),
    "people": Value(_("People"), NUMBER),
    "needed": Value(_("Needed"), NUMBER),
    "trades": Value(_("Open trades"), NUMBER),
    "oldest": Value(_("The oldest since"), TIME),
    "since": Value(_("Since"), TIME),
    "until": Value(_("Expires"), TIME),
    "act": Value(_("Act"), CODE),
    "role": Value(_("Role"), CODE),
    "type": Value(_("Type"), CODE),
    "monitor": Value(_("Monitor"), CODE),
    "error": Value(_("Error"), CODE),
    "address": Value(_("Address"), CODE),
    "what": Value(_("First of it"), WORDS),
}


def title(kind: str) -> str:
    """What a type of alert is called, in the active language."""
    return str(TITLES.get(kind, kind))


@dataclass(frozen=True, slots=True)
class Writer:
    """How numbers, instants and codes are written for one reader."""

    number: Callable[[Decimal], str]
    time: Callable[[datetime], object]
    code: Callable[[str], str]


def lines(values: Mapping[str, object], writer: Writer) -> Iterator[tuple[str, object]]:
    """The values of an alert in their fixed order, each with what it is called; what is empty is left out."""
    for name, value in VALUES.items():
        if values.get(name) not in {None, ""}:
            yield str(value.label), _written(value.kind, values[name], writer)


def _written(kind: str, value: object, writer: Writer) -> object:
    if kind == NUMBER:
        return writer.number(Decimal(str(value)))
    if kind == TIME:
        return writer.time(datetime.fromisoformat(str(value)))
    return writer.code(str(value)) if kind == CODE else str(value)
