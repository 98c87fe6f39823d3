"""Evidence that is not whole any more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule
from users.queries.log import last_verification


@dataclass(frozen=True, slots=True)
class Facts:
    """What the latest verification found that is not as it must be: how much, and the first of it."""

    findings: int = 0
    first: str = ""


def gather(_now: datetime, _rules: Mapping[str, AlertRule]) -> Facts:
    """One query."""
    last = last_verification()
    if last is None or not last.after["number_of_findings"]:
        return Facts()
    return Facts(last.after["number_of_findings"], str(last.after["findings"][0]))


def broken(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """The latest verification found something."""
    if not facts.findings:
        return []
    return [Finding("evidence", values={"count": facts.findings, "what": facts.first}, level=facts.findings)]


MONITOR = Monitor("evidence", gather, {"audit_chain_broken": broken})
