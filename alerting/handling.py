"""What people do about alerts: acknowledge, take that back, silence with a reason and an end, end a silence."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from alerting import rules, silencing
from alerting.engine import seconds
from alerting.models import Alert, Silence
from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User
from users.operations.scopes import require_served
from users.policies import require_meaningful

HANDLE = "alert.handle"
Status = Alert.Status


class NotFiring(Conflict):
    """The alert is over, or has not begun to fire."""

    code = "alert_not_firing"
    text = _("{ref} does not fire (any more). There is nothing to acknowledge.")


class NotAcknowledged(Conflict):
    """Nobody has acknowledged the alert, or it is over."""

    code = "alert_not_acknowledged"
    text = _("{ref} is not acknowledged (any more). There is nothing to take back.")


class SilenceTooLong(Invalid):
    """A silence is longer than its severity allows, or has no length at all."""

    code = "silence_too_long"
    text = _("This alert can be silenced for {minutes} minutes at most, and for one at least.")


class SilenceOver(Conflict):
    """The silence has ended already."""

    code = "silence_over"
    text = _("{ref} has ended already.")


@operation
def acknowledge(*, ref: str, actor: User, now: datetime) -> Alert:
    """
    Say that somebody looks after it: it is told to nobody further. Again is the same.

    :raises MissingCapability: the actor does not handle alerts.
    :raises NotFound: there is no such alert, or not for this actor.
    :raises NotFiring: it is over, or has not begun.
    """
    alert = _locked(ref, actor)
    if alert.status == Status.ACKNOWLEDGED:
        return alert
    if alert.status != Status.FIRING:
        raise NotFiring(ref=ref)
    alert.move(Status.ACKNOWLEDGED, at=now, acknowledged_at=now, acknowledged_by=actor, escalate_at=None)
    audit.record("alert.acknowledged", actor=actor, subject=alert, at=now, change=_change())
    return alert


@operation
def unacknowledge(*, ref: str, actor: User, now: datetime) -> Alert:
    """
    Take the acknowledgement back: it fires again, and the next role is told in time.

    :raises MissingCapability: the actor does not handle alerts.
    :raises NotFound: there is no such alert, or not for this actor.
    :raises NotAcknowledged: nobody has, or it is over.
    """
    alert = _locked(ref, actor)
    if alert.status != Status.ACKNOWLEDGED:
        raise NotAcknowledged(ref=ref)
    again = now + seconds(alert.rule.escalate_seconds)
    alert.move(Status.FIRING, at=now, acknowledged_at=None, acknowledged_by=None, escalate_at=again)
    audit.record("alert.unacknowledged", actor=actor, subject=alert, at=now, change=_change())
    return alert


@operation
def silence(*, kind: str, fingerprint: str = "", minutes: int, reason: str, actor: User, now: datetime) -> Silence:
    """
    Tell nobody of a type of alert, or of one of them, for so many minutes. What fires is seen in the console.

    :param fingerprint: which alert of the type; "" for all.
    :raises MissingCapability: the actor does not handle alerts.
    :raises NotFound: there is no such type.
    :raises MeaninglessReason: the reason says too little.
    :raises SilenceTooLong: longer than its severity allows.
    """
    capabilities.require(actor, HANDLE)
    rule = rules.rule_of(kind)
    if rule is None:
        raise NotFound(ref=kind)
    most = int(silencing.longest(rule.severity).total_seconds()) // 60
    if not 0 < minutes <= most:
        raise SilenceTooLong(minutes=most)
    made = Silence.objects.create(
        type=kind,
        fingerprint=fingerprint,
        reason=require_meaningful(reason),
        made_by=actor,
        starts_at=now,
        ends_at=now + timedelta(minutes=minutes),
    )
    after = {"type": kind, "fingerprint": fingerprint, "ends_at": made.ends_at.isoformat()}
    change = audit.Change(after=after, reason=made.reason, capability=HANDLE)
    audit.record("silence.made", actor=actor, subject=made, at=now, change=change)
    return made


@operation
def end_silence(*, ref: str, actor: User, now: datetime) -> Silence:
    """
    End a silence before its time: what still fires is told.

    :raises MissingCapability: the actor does not handle alerts.
    :raises NotFound: there is no such silence.
    :raises SilenceOver: it has ended.
    """
    capabilities.require(actor, HANDLE)
    found = Silence.objects.select_for_update().filter(ref=ref).first()
    if found is None:
        raise NotFound(ref=ref)
    if found.ended_at is not None or found.ends_at <= now:
        raise SilenceOver(ref=ref)
    found.ended_at, found.ended_by = now, actor
    found.save(update_fields=["ended_at", "ended_by"])
    change = audit.Change(after={"type": found.type}, capability=HANDLE)
    audit.record("silence.ended", actor=actor, subject=found, at=now, change=change)
    return found


def _locked(ref: str, actor: User) -> Alert:
    capabilities.require(actor, HANDLE)
    alert = Alert.objects.select_related("rule").select_for_update(of=("self",)).filter(ref=ref).first()
    if alert is None:
        raise NotFound(ref=ref)
    require_served(actor, alert.counterparty_id)
    return alert


def _change() -> audit.Change:
    return audit.Change(capability=HANDLE)
