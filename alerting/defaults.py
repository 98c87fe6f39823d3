"""
From where on the desk alerts, until two people change it: the first version of every rule, and nothing else.

A threshold is a whole number whose name says its unit. `owners` are told first; who has not been told yet follows in
the order of `ESCALATION`, one role each time nobody acknowledges within `escalate_seconds`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from users.models import Role

MINUTE, HOUR = 60, 3600
INFO, WARNING, CRITICAL = "info", "warning", "critical"
ESCALATION = (Role.OPS, Role.APPROVER, Role.ADMIN)
DESK, SECURITY = (Role.OPS,), (Role.OPS, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Default:
    """The first terms of one rule."""

    severity: str
    thresholds: Mapping[str, int] = field(default_factory=dict)
    for_seconds: int = 0
    notices: int = 3
    window_seconds: int = 15 * MINUTE
    owners: tuple[str, ...] = DESK
    escalate_seconds: int = 30 * MINUTE


DEFAULTS: dict[str, Default] = {
    # trading
    "quote_sla_missed": Default(WARNING, {"seconds": 20, "count": 1}, notices=4, window_seconds=HOUR),
    "spread_wide": Default(WARNING, {"bps": 45, "window_seconds": 2 * MINUTE}, for_seconds=5 * MINUTE),
    "reference_stale": Default(WARNING, {"seconds": 60}, notices=4),
    # settlement
    "settle_sla_missed": Default(WARNING, {"count": 1}),
    "settlement_queue_stuck": Default(CRITICAL, {"seconds": 15 * MINUTE}, for_seconds=2 * MINUTE),
    "settlement_queue_long": Default(WARNING, {"count": 50}, for_seconds=10 * MINUTE),
    "flagged_off": Default(WARNING, {"count": 1}, notices=1),
    "flagged_off_surge": Default(WARNING, {"percent": 300, "count": 10}, notices=1, window_seconds=HOUR),
    "transfer_unknown": Default(CRITICAL, {"seconds": 5 * MINUTE}),
    # money
    "wallet_low": Default(WARNING, for_seconds=5 * MINUTE),
    "wallet_gas_low": Default(WARNING, {"transfers": 20}),
    "wallet_stale": Default(WARNING, {"seconds": 10 * MINUTE}),
    "ledger_imbalance": Default(CRITICAL, for_seconds=MINUTE, owners=(Role.OPS, Role.APPROVER)),
    "chain_ledger_difference": Default(CRITICAL, for_seconds=MINUTE, owners=(Role.OPS, Role.APPROVER)),
    # people and evidence
    "approval_overdue": Default(WARNING, {"percent": 50}, notices=6, window_seconds=HOUR),
    "quorum_unreachable": Default(WARNING, owners=(Role.OPS, Role.ADMIN)),
    "audit_chain_broken": Default(
        CRITICAL, owners=(Role.OPS, Role.APPROVER, Role.ADMIN, Role.AUDITOR), escalate_seconds=10 * MINUTE
    ),
    "sign_in_lockouts": Default(WARNING, {"count": 11, "window_seconds": 10 * MINUTE}, owners=SECURITY),
    "recovery_code_used": Default(WARNING, {"seconds": HOUR}, notices=6, owners=SECURITY),
    # programs
    "stalled_jobs": Default(CRITICAL, {"count": 1, "seconds": 30}, for_seconds=5 * MINUTE),
    "worker_silent": Default(CRITICAL, {"seconds": 60}, escalate_seconds=10 * MINUTE),
    "bot_silent": Default(CRITICAL, {"seconds": 60}, escalate_seconds=10 * MINUTE),
    "telegram_errors": Default(
        WARNING, {"percent": 5, "count": 20, "window_seconds": 10 * MINUTE}, for_seconds=10 * MINUTE
    ),
    "chat_unreachable": Default(WARNING, {"count": 1}, notices=6, window_seconds=HOUR),
    "alerts_suppressed": Default(INFO, {"count": 101, "window_seconds": HOUR}, window_seconds=HOUR),
    "collector_failing": Default(CRITICAL, for_seconds=5 * MINUTE),
}
