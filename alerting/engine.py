"""
The one gate through which alerts come, change and go, and the one place where notices are given.

All of a type happens under its tally's lock, so that many who evaluate at once give no notice twice and none too many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting import rules, silencing
from alerting.defaults import ESCALATION
from alerting.findings import Finding
from alerting.models import Alert, AlertNotice, AlertRule, AlertTally, Silence
from trading.lib.errors import NotFound
from trading.lib.operations import operation
from users import audit

Status, Kind = Alert.Status, AlertNotice.Kind


@dataclass(slots=True)
class Round:
    """One type at one instant: its rule, what was told already, who wants quiet, and how many notices it has left."""

    rule: AlertRule
    tally: AlertTally
    silences: Sequence[Silence]
    room: int
    now: datetime

    def is_quiet(self, alert: Alert) -> bool:
        """Whether nobody is to be told of it now."""
        return any(silencing.covers(one, alert, at=self.now) for one in self.silences)


@operation
def settle(*, kind: str, findings: Sequence[Finding], now: datetime) -> None:
    """
    Bring the alerts of one type in line with what was found: open, fire, resolve; then give the notices it allows.

    Whoever comes with older findings than were seen changes nothing that is known already.

    :raises NotFound: there is no such rule.
    """
    AlertTally.objects.get_or_create(type=kind)
    tally = AlertTally.objects.select_for_update().get(type=kind)
    rule = rules.rule_of(kind)
    if rule is None:
        raise NotFound
    one = Round(rule, tally, silencing.running(kind, at=now), _room(rule, now), now)
    opened = Alert.objects.filter(type=kind).exclude(status=Status.RESOLVED).order_by("pk").select_for_update()
    live = {alert.fingerprint: alert for alert in opened}
    found = {finding.fingerprint: finding for finding in findings}
    for finding in found.values():
        live[finding.fingerprint] = _seen(one, live.get(finding.fingerprint), finding)
    lasting = [alert for name, alert in live.items() if name in found or alert.seen_at > now]
    for alert in live.values():
        if alert not in lasting:
            _over(one, alert)
    unheard = [alert for alert in lasting if alert.status == Status.FIRING and not one.is_quiet(alert)]
    for alert in unheard:
        _tell(one, alert)
    for alert in unheard:
        _escalate(one, alert)


def _room(rule: AlertRule, now: datetime) -> int:
    """How many notices of the type may be given now; the database counts them, too."""
    given = AlertNotice.objects.filter(type=rule.type, is_held=False, at__gt=now - seconds(rule.window_seconds))
    return max(0, rule.notices - given.exclude(kind=Kind.RESOLVED).count())


def _seen(one: Round, alert: Alert | None, finding: Finding) -> Alert:
    """Open what is new, note how what is known looks now, and fire what has lasted."""
    looks = {"subject": finding.subject, "values": dict(finding.values), "level": finding.level}
    looks |= {"severity": one.rule.severity, "rule": one.rule, "seen_at": one.now}
    if alert is None:
        alert = Alert.objects.create(
            type=one.rule.type,
            fingerprint=finding.fingerprint,
            counterparty_id=finding.counterparty_id,
            opened_at=one.now,
            **looks,
        )
    elif alert.seen_at < one.now:
        _change(alert, **looks)
    lasts = one.now - alert.opened_at >= seconds(one.rule.for_seconds)
    if alert.status == Status.PENDING and lasts:
        alert.move(
            Status.FIRING, at=one.now, fired_at=one.now, escalate_at=one.now + seconds(one.rule.escalate_seconds)
        )
        audit.record("alert.fired", actor=None, subject=alert, at=one.now, change=audit.Change(after=facts_of(alert)))
    return alert


def _over(one: Round, alert: Alert) -> None:
    """Resolve what is not found any more; who was told that it began is told that it is over."""
    was_firing = alert.status != Status.PENDING
    alert.move(Status.RESOLVED, at=one.now, resolved_at=one.now, escalate_at=None)
    if not was_firing:
        return
    roles = [] if one.is_quiet(alert) else alert.told_roles
    if roles:
        AlertNotice.objects.create(alert=alert, type=alert.type, kind=Kind.RESOLVED, roles=roles, at=one.now)
    after = facts_of(alert) | {"roles": roles}
    audit.record("alert.resolved", actor=None, subject=alert, at=one.now, change=audit.Change(after=after))


def _tell(one: Round, alert: Alert) -> None:
    """Tell of what is worse than people know, if the type may still be told; what is held back is counted once."""
    if not alert.worsened_beyond(alert.told_level):
        return
    if one.room:
        _give(one, alert, Kind.WORSE if alert.is_told else Kind.FIRED, alert.told_roles or one.rule.owners)
    elif alert.worsened_beyond(alert.held_level):
        AlertNotice.objects.create(alert=alert, type=alert.type, kind=Kind.FIRED, is_held=True, at=one.now)
        _change(alert, held_level=alert.level)
        _count(one.tally, held_back=one.tally.held_back + 1, held_back_since=one.tally.held_back_since + 1)


def _escalate(one: Round, alert: Alert) -> None:
    """Tell the next role when nobody acknowledged in time; with no room it waits for some."""
    if alert.escalate_at is None or one.now < alert.escalate_at or not one.room:
        return
    told = alert.told_roles or one.rule.owners
    further = next((role for role in ESCALATION if role not in told), None)
    if further is None:
        _change(alert, escalate_at=None)
        return
    _change(alert, escalate_at=one.now + seconds(one.rule.escalate_seconds))
    _give(one, alert, Kind.ESCALATED, [*told, str(further)])


def _give(one: Round, alert: Alert, kind: AlertNotice.Kind, roles: Sequence[str]) -> None:
    """Give one notice, with the number of what was held back since the last."""
    held = one.tally.held_back_since
    AlertNotice.objects.create(alert=alert, type=alert.type, kind=kind, held_back=held, roles=list(roles), at=one.now)
    _change(alert, told_level=alert.level, told_roles=list(roles))
    _count(one.tally, told=one.tally.told + 1, told_at=one.now, held_back_since=0)
    one.room -= 1
    after = facts_of(alert) | {"kind": str(kind), "roles": list(roles), "held_back": held}
    audit.record("alert.told", actor=None, subject=alert, at=one.now, change=audit.Change(after=after))


def facts_of(alert: Alert) -> dict[str, object]:
    """What an alert's events say of it."""
    return {
        "type": alert.type,
        "severity": alert.severity,
        "subject": alert.subject,
        "values": alert.values,
        "rule": alert.rule.version,
    }


def seconds(number: int) -> timedelta:
    """So many."""
    return timedelta(seconds=number)


def _change(alert: Alert, **changes: object) -> None:
    Alert.objects.filter(pk=alert.pk).update(**changes)
    for name, value in changes.items():
        setattr(alert, name, value)


def _count(tally: AlertTally, **changes: object) -> None:
    AlertTally.objects.filter(pk=tally.pk).update(**changes)
    for name, value in changes.items():
        setattr(tally, name, value)
