"""Everything that is watched, one small file a subject."""

from alerting.findings import Monitor
from alerting.monitors import approvals, evidence, market, messages, money, notices, programs, settlements, sign_ins

MONITORS: tuple[Monitor, ...] = (
    market.MONITOR,
    settlements.MONITOR,
    money.MONITOR,
    approvals.MONITOR,
    evidence.MONITOR,
    sign_ins.MONITOR,
    programs.MONITOR,
    messages.MONITOR,
    notices.MONITOR,
)
