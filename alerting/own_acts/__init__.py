"""The act on alert rules that two decide."""

from alerting.own_acts.rules import ChangeAlertRule
from users import acts


def register() -> None:
    """Make it known."""
    acts.register(ChangeAlertRule())
