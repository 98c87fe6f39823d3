"""Turning `AUTO_SETTLEMENT_ENABLED` off: one person, at once. On is the act `flag.on`: two people."""

from dataclasses import dataclass
from datetime import datetime

from settlement import autosettle
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User


@dataclass(frozen=True, slots=True)
class FlagSubject:
    """What the audit event is about."""

    ref: str = autosettle.FLAG


@operation
def turn_flag_off(*, actor: User, reason: str, now: datetime) -> None:
    """
    Stop settlements from paying by themselves, in every process, as soon as this returns.

    :raises MissingCapability: the actor lacks `flag.off`.
    """
    capabilities.require(actor, "flag.off")
    before = autosettle.write(is_on=False)
    change = audit.Change(before={"is_on": before}, after={"is_on": False}, reason=reason, capability="flag.off")
    audit.record("flag.turned_off", actor=actor, subject=FlagSubject(), at=now, change=change)
