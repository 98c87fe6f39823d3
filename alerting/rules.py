"""The rules as they hold now, and what stands in them as evidence has it."""

from typing import Any

from alerting.models import AlertRule

TERMS = ("severity", "for_seconds", "notices", "window_seconds", "owners", "escalate_seconds")


def current() -> dict[str, AlertRule]:
    """Read the newest version of every rule. One query."""
    return {rule.type: rule for rule in AlertRule.objects.current()}


def rule_of(name: str) -> AlertRule | None:
    """Read the newest version of one. One query."""
    return AlertRule.objects.filter(type=name).order_by("-version").first()


def terms_of(rule: AlertRule) -> dict[str, Any]:
    """Write a version as details and evidence have it."""
    return {name: getattr(rule, name) for name in TERMS} | {"thresholds": rule.thresholds}
