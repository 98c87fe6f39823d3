"""Turning `AUTO_SETTLEMENT_ENABLED` off (one person, at once) and on."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from settlement import autosettle
from trading.lib.errors import Forbidden
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
    _write(is_on=False, actor=actor, reason=reason, now=now)


@operation
def turn_flag_on(*, reason: str, now: datetime) -> None:
    """
    Let settlements pay by themselves. Outside the sandbox nobody may do this alone.

    :raises Forbidden: this is not a sandbox.
    """
    if not settings.IS_SANDBOX:
        raise Forbidden
    _write(is_on=True, actor=None, reason=reason, now=now)


def _write(*, is_on: bool, actor: User | None, reason: str, now: datetime) -> None:
    before = autosettle.write(is_on=is_on)
    change = audit.Change(before={"is_on": before}, after={"is_on": is_on}, reason=reason)
    audit.record(f"flag.turned_{'on' if is_on else 'off'}", actor=actor, subject=FlagSubject(), at=now, change=change)
