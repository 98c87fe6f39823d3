"""Types of alerts that are held back again and again: nobody acts, or the rule is too sharp."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count

from alerting.findings import Finding, Monitor
from alerting.models import AlertNotice, AlertRule


@dataclass(frozen=True, slots=True)
class Facts:
    """How often each type was held back lately."""

    held_back: Mapping[str, int] = field(default_factory=dict)


def gather(now: datetime, rules: Mapping[str, AlertRule]) -> Facts:
    """One query."""
    since = now - timedelta(seconds=rules["alerts_suppressed"].thresholds["window_seconds"])
    rows = AlertNotice.objects.filter(is_held=True, at__gt=since).values_list("type")
    return Facts(dict(rows.annotate(number=Count("pk")).order_by("type")))


def suppressed(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """One type was held back too often."""
    return [
        Finding(name, name, {"type": name, "count": number})
        for name, number in facts.held_back.items()
        if number >= rule.thresholds["count"]
    ]


MONITOR = Monitor("notices", gather, {"alerts_suppressed": suppressed})
