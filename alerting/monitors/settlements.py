"""Settlements that wait too long or are too many, and payments nobody knows the end of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule
from settlement.models import Settlement, SettlementTransition, Transfer
from settlement.queries import OPEN_STATES

Status = Settlement.Status
MOVING = (Status.APPROVED, Status.PAYING, Status.BLOCKED)  # these move by themselves; the others wait for people
WAITING = (*MOVING, Status.FLAGGED_OFF, Status.AWAITING_APPROVAL, Status.NEEDS_REVIEW)
UNKNOWN = (Transfer.Status.SIGNED, Transfer.Status.BROADCAST, Transfer.Status.NEEDS_REVIEW)
DAY, DAYS = timedelta(days=1), 7
ALL = "all"
type Group = tuple[int, datetime | None]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A payment whose end is not known, since when, and whose it is."""

    ref: str
    since: datetime
    party: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """
    Settlements that are not over: how many, and when the oldest began (of those that move: moved last).

    `flagged_days` counts those that were flagged off in each of the last days, today's first.
    """

    late: Group = (0, None)
    waiting: int = 0
    moving: Group = (0, None)
    flagged: Group = (0, None)
    flagged_days: Sequence[int] = ()
    unknown: Sequence[Unknown] = ()


def gather(now: datetime, rules: Mapping[str, AlertRule]) -> Facts:
    """Three queries, of what is not over and of the last eight days."""
    late, flagged, moving = Q(due_at__lt=now), Q(status=Status.FLAGGED_OFF), Q(status__in=MOVING)
    row = Settlement.objects.filter(status__in=OPEN_STATES).aggregate(
        late=Count("pk", filter=late),
        late_since=Min("due_at", filter=late),
        waiting=Count("pk", filter=Q(status__in=WAITING)),
        moving=Count("pk", filter=moving),
        moving_since=Min("updated_at", filter=moving),
        flagged=Count("pk", filter=flagged),
        flagged_since=Min("created_at", filter=flagged),
    )
    return Facts(
        (row["late"], row["late_since"]),
        row["waiting"],
        (row["moving"], row["moving_since"]),
        (row["flagged"], row["flagged_since"]),
        _days(now),
        _unknown(now - timedelta(seconds=rules["transfer_unknown"].thresholds["seconds"])),
    )


def _days(now: datetime) -> list[int]:
    """Of each day before now, how many were flagged off; the latest first."""
    spans = {
        f"day{ago}": Count("pk", filter=Q(at__gt=now - (ago + 1) * DAY, at__lte=now - ago * DAY))
        for ago in range(DAYS + 1)
    }
    steps = SettlementTransition.objects.filter(to_status=Status.FLAGGED_OFF, at__gt=now - (DAYS + 1) * DAY)
    return list(steps.aggregate(**spans).values())


def _unknown(before: datetime) -> list[Unknown]:
    party = Coalesce("settlement__client", "withdrawal__client", "lp_payment__lp")
    rows = Transfer.objects.filter(status__in=UNKNOWN, updated_at__lte=before).order_by("pk")
    return [Unknown(*row) for row in rows.values_list("ref", "updated_at", party)]


def settle_sla(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Settlements past their deadline."""
    return _counted(facts.late, rule)


def stuck(now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """The oldest of those that move by themselves does not."""
    number, since = facts.moving
    if since is None or now - since < timedelta(seconds=rule.thresholds["seconds"]):
        return []
    return [Finding(ALL, values={"count": number, "since": since.isoformat()})]


def long(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """More wait than should."""
    limit = rule.thresholds["count"]
    return [Finding(ALL, values={"count": facts.waiting, "limit": limit})] if facts.waiting >= limit else []


def flagged_off(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Deliveries wait for people because the flag was off; told again when there are more."""
    return _counted(facts.flagged, rule)


def surge(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Far more were flagged off in 24 hours than on a usual day of the week before."""
    today, *before = facts.flagged_days or [0]
    usual = median(before) if before else 0
    if today < rule.thresholds["count"] or today * 100 <= usual * rule.thresholds["percent"]:
        return []
    return [Finding(ALL, values={"count": today, "usual": f"{usual:g}"})]


def unknown(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """A payment was signed or sent, and nobody knows for too long whether it happened."""
    return [
        Finding(one.ref, one.ref, {"since": one.since.isoformat()}, counterparty_id=one.party) for one in facts.unknown
    ]


def _counted(group: Group, rule: AlertRule) -> list[Finding]:
    number, since = group
    if since is None or number < rule.thresholds["count"]:
        return []
    return [Finding(ALL, values={"count": number, "oldest": since.isoformat()}, level=number)]


MONITOR = Monitor(
    "settlements",
    gather,
    {
        "settle_sla_missed": settle_sla,
        "settlement_queue_stuck": stuck,
        "settlement_queue_long": long,
        "flagged_off": flagged_off,
        "flagged_off_surge": surge,
        "transfer_unknown": unknown,
    },
)
