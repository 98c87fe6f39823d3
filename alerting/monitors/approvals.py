"""Requests that wait too long for a second person, and acts that nobody could decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule
from users.models import ApprovalPolicy, ApprovalRequest, RoleGrant, User


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request that nobody decided yet."""

    ref: str
    act: str
    created_at: datetime
    expires_at: datetime
    party: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """`needed` is by role how many of its people the strictest act takes; `there` how many there are."""

    waiting: Sequence[Waiting] = ()
    needed: Mapping[str, int] | None = None
    there: Mapping[str, int] | None = None


def gather(_now: datetime, _rules: Mapping[str, AlertRule]) -> Facts:
    """Three queries."""
    pending = ApprovalRequest.objects.filter(status=ApprovalRequest.Status.PENDING).order_by("pk")
    rows = pending.values_list("ref", "act", "created_at", "expires_at", "subject_counterparty")
    policies = ApprovalPolicy.objects.order_by("act", "-version").distinct("act")
    needed: dict[str, int] = {}
    for role, quorum in policies.values_list("approver_role", "quorum"):
        needed[role] = max(quorum, needed.get(role, 0))
    held = RoleGrant.objects.filter(
        role__in=needed, revoked_at=None, user__status=User.Status.ACTIVE, user__kind=User.Kind.HUMAN
    )
    there = held.values_list("role").annotate(people=Count("user__person", distinct=True)).order_by("role")
    return Facts([Waiting(*row) for row in rows], needed, dict(there))


def overdue(now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """More of a request's life is over than should be without a decision."""
    return [
        Finding(
            one.ref,
            one.ref,
            {"act": one.act, "since": one.created_at.isoformat(), "until": one.expires_at.isoformat()},
            counterparty_id=one.party,
        )
        for one in facts.waiting
        if (now - one.created_at) * 100 > (one.expires_at - one.created_at) * rule.thresholds["percent"]
    ]


def quorum(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """Fewer people hold a role than an act takes to decide."""
    there = facts.there or {}
    return [
        Finding(role, role, {"role": role, "people": there.get(role, 0), "needed": number})
        for role, number in sorted((facts.needed or {}).items())
        if there.get(role, 0) < number
    ]


MONITOR = Monitor("approvals", gather, {"approval_overdue": overdue, "quorum_unreachable": quorum})
