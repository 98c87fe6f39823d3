"""
Making each type of alert fire, in the sandbox: facts that break its rule go through its monitor, the engine and the
outbox as real ones do. Nothing else is touched, so the next evaluation finds all well and says that it is over.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from alerting import engine, rules
from alerting.evaluating import FAILING
from alerting.findings import Facts, Finding
from alerting.models import Alert, AlertRule
from alerting.monitors import MONITORS, approvals, evidence, market, messages, money, notices, programs, settlements
from alerting.monitors import sign_ins as signing_in
from trading.lib.errors import NotFound
from users.models import Role

LONG = timedelta(days=1)  # older than any rule waits
PAIR, WALLET = "USDT/EUR", "simulated-1"
DIFFERENCE = {"check": "wallet", "ref": WALLET, "what": "has 1.000000 USDT less than the books", "wallet": WALLET}
type Sample = Callable[[datetime, AlertRule], Facts]


class UnknownAlert(NotFound):
    """No type of alert has this name."""

    code = "unknown_alert"
    text = _("There is no alert {name}. Known are: {known}.")


def _count(rule: AlertRule) -> int:
    return int(rule.thresholds["count"])


def _purse(now: datetime, **changes: object) -> money.Facts:
    usual: dict[str, object] = {"free": Decimal(1000), "minimum": Decimal(10), "seen_at": now}
    return money.Facts([money.Purse(WALLET, **(usual | changes))])  # type: ignore[arg-type]


def _silent(name: str) -> Sample:
    return lambda now, _rule: programs.Facts({name: now - LONG}, (name,))


SAMPLES: dict[str, Sample] = {
    "quote_sla_missed": lambda now, rule: market.Facts([market.Unquoted(PAIR, _count(rule), now - LONG)]),
    "spread_wide": lambda _now, rule: market.Facts(spreads={PAIR: Decimal(rule.thresholds["bps"] + 1)}),
    "reference_stale": lambda now, _rule: market.Facts(references=[market.Reference(PAIR, now - LONG)]),
    "settle_sla_missed": lambda now, rule: settlements.Facts(late=(_count(rule), now - LONG)),
    "settlement_queue_stuck": lambda now, _rule: settlements.Facts(moving=(1, now - LONG)),
    "settlement_queue_long": lambda _now, rule: settlements.Facts(waiting=_count(rule)),
    "flagged_off": lambda now, rule: settlements.Facts(flagged=(_count(rule), now - LONG)),
    "flagged_off_surge": lambda _now, rule: settlements.Facts(flagged_days=[_count(rule), *[0] * settlements.DAYS]),
    "transfer_unknown": lambda now, _rule: settlements.Facts(
        unknown=[settlements.Unknown("TRF-SIMULATE", now - LONG, None)]
    ),
    "wallet_low": lambda now, _rule: _purse(now, free=Decimal(1)),
    "wallet_gas_low": lambda now, rule: _purse(now, transfers=rule.thresholds["transfers"] - 1),
    "wallet_stale": lambda now, _rule: _purse(now, seen_at=now - LONG),
    "ledger_imbalance": lambda _now, _rule: money.Facts(in_books=[DIFFERENCE | {"wallet": ""}]),
    "chain_ledger_difference": lambda _now, _rule: money.Facts(on_chains=[DIFFERENCE]),
    "approval_overdue": lambda now, _rule: approvals.Facts(
        [approvals.Waiting("APR-SIMULATE", "flag.on", now - LONG, now + timedelta(seconds=1), None)]
    ),
    "quorum_unreachable": lambda _now, _rule: approvals.Facts(needed={Role.APPROVER: 1}, there={}),
    "audit_chain_broken": lambda _now, _rule: evidence.Facts(1, "seal 1 does not follow"),
    "sign_in_lockouts": lambda _now, rule: signing_in.Facts(_count(rule)),
    "recovery_code_used": lambda now, _rule: signing_in.Facts(
        uses=[signing_in.Use(0, "simulated", now, "127.0.0.1", None)]
    ),
    "stalled_jobs": lambda now, rule: programs.Facts({"worker": now}, stalled=_count(rule)),
    "worker_silent": _silent("worker"),
    "bot_silent": _silent("bot"),
    "telegram_errors": lambda _now, rule: messages.Facts(_count(rule), _count(rule)),
    "chat_unreachable": lambda now, rule: messages.Facts(
        unreachable=[messages.Unreachable("USR-SIMULATE", "Simulated Person", now - LONG, None, _count(rule))]
    ),
    "alerts_suppressed": lambda _now, rule: notices.Facts({"wallet_low": _count(rule)}),
}


def findings(kind: str, rule: AlertRule, *, now: datetime) -> list[Finding]:
    """What the type's own monitor makes of facts that break its rule."""
    if kind == FAILING:
        return [Finding("simulated", "simulated", {"monitor": "simulated", "error": "OperationalError"})]
    monitor = next(one for one in MONITORS if kind in one.types)
    return list(monitor.types[kind](now, SAMPLES[kind](now, rule), rule))


def simulate(kind: str, *, now: datetime) -> Alert:
    """
    Make one type of alert fire: found once as long ago as it has to last, and again now.

    :raises UnknownAlert: there is no such type.
    """
    known = rules.current()
    if kind not in known:
        raise UnknownAlert(name=kind, known=", ".join(sorted(known)))
    rule = known[kind]
    for at in sorted({now - engine.seconds(rule.for_seconds), now}):
        engine.settle(kind=kind, findings=findings(kind, rule, now=at), now=at)
    return Alert.objects.filter(type=kind).latest("pk")
