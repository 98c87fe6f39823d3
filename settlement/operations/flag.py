"""Stopping: the flag off, all transfers halted. One person, at once; going on takes two (`settlement.own_acts`)."""

from dataclasses import dataclass
from datetime import datetime

from settlement import autosettle
from settlement.models import TransferAttempt
from trading.lib import jobs
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User
from users.policies import require_meaningful


@dataclass(frozen=True, slots=True)
class SwitchSubject:
    """What the audit event is about."""

    ref: str


@operation
def turn_flag_off(*, actor: User, reason: str, now: datetime) -> None:
    """
    Stop settlements from paying by themselves, in every process, as soon as this returns; a job takes them back.

    :raises MissingCapability: the actor lacks `flag.off`.
    """
    capabilities.require(actor, "flag.off")
    before = autosettle.write(autosettle.FLAG, is_on=False)
    change = audit.Change(before={"is_on": before}, after={"is_on": False}, reason=reason, capability="flag.off")
    audit.record("flag.turned_off", actor=actor, subject=SwitchSubject(autosettle.FLAG), at=now, change=change)
    jobs.defer("settlement.sweep", lock="settlement.sweep")


@operation
def halt_transfers(*, actor: User, reason: str, now: datetime) -> None:
    """
    Stop everything that pays, signed or not, released or not. What is on chain already is followed to its end.

    When this returns nothing more is permitted to be sent. The payments whose bytes were on their way to the node at
    that moment are named in the evidence (`sending`): they may still arrive.

    :raises MissingCapability: the actor lacks `transfers.halt`.
    :raises MeaninglessReason: the reason says too little.
    """
    capabilities.require(actor, "transfers.halt")
    reason = require_meaningful(reason)
    before = autosettle.write(autosettle.HALT, is_on=True)
    sending = TransferAttempt.objects.exclude(sending_since=None).order_by("transfer__pk")  # no more come: it is locked
    after = {"is_on": True, "sending": list(sending.values_list("transfer__ref", flat=True))}
    change = audit.Change(before={"is_on": before}, after=after, reason=reason, capability="transfers.halt")
    audit.record("transfers.halted", actor=actor, subject=SwitchSubject(autosettle.HALT), at=now, change=change)
    jobs.defer("settlement.sweep", lock="settlement.sweep")
