"""Many locked out at once, and recovery codes that were used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule
from users.models import AuditEvent, User

LOCKED, RECOVERED = "sign_in.locked_out", "device.recovery_code_used"


@dataclass(frozen=True, slots=True)
class Use:
    """A recovery code somebody signed in with."""

    event: int
    user: str
    at: datetime
    address: str
    party: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """How often somebody was locked out lately, and which recovery codes were used."""

    lockouts: int = 0
    uses: Sequence[Use] = ()


def gather(now: datetime, rules: Mapping[str, AlertRule]) -> Facts:
    """Three queries, each of one kind of event by its index."""
    back = timedelta(seconds=rules["sign_in_lockouts"].thresholds["window_seconds"])
    lockouts = AuditEvent.objects.filter(name=LOCKED, at__gt=now - back).count()
    since = now - timedelta(seconds=rules["recovery_code_used"].thresholds["seconds"])
    events = list(AuditEvent.objects.filter(name=RECOVERED, at__gt=since).order_by("pk"))
    users = {user.ref: user for user in User.objects.filter(ref__in={event.subject_ref for event in events})}
    uses = []
    for event in events:
        user = users[event.subject_ref]
        uses.append(Use(event.pk, user.username, event.at, event.address or "", user.counterparty_id))
    return Facts(lockouts, uses)


def lockouts(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """More were locked out than people mistype: somebody guesses."""
    if facts.lockouts < rule.thresholds["count"]:
        return []
    return [Finding("all", values={"count": facts.lockouts})]


def recovered(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """A recovery code was used."""
    return [
        Finding(
            str(one.event),
            one.user,
            {"since": one.at.isoformat(), "address": one.address},
            counterparty_id=one.party,
        )
        for one in facts.uses
    ]


MONITOR = Monitor("sign_ins", gather, {"sign_in_lockouts": lockouts, "recovery_code_used": recovered})
