"""Messages that Telegram does not take, and traders whom nothing reaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule, OutboundMessage
from rfq.models import Rfq
from settlement.models import Settlement
from settlement.queries import OPEN_STATES
from users.models import TelegramLink, User


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Somebody the desk trades with whose chat takes no messages, and how many of their trades are open."""

    user: str
    name: str
    since: datetime
    party: int | None
    trades: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Late messages: how many, and how many of them Telegram did not take."""

    sent: int = 0
    failed: int = 0
    unreachable: Sequence[Unreachable] = ()


def gather(now: datetime, rules: Mapping[str, AlertRule]) -> Facts:
    """Two queries."""
    since = now - timedelta(seconds=rules["telegram_errors"].thresholds["window_seconds"])
    is_bad = Q(status=OutboundMessage.Status.FAILED) | (Q(status=OutboundMessage.Status.WAITING) & ~Q(error=""))
    row = OutboundMessage.objects.filter(created_at__gt=since).aggregate(
        sent=Count("pk", filter=~Q(status=OutboundMessage.Status.WAITING) | ~Q(error="")),
        failed=Count("pk", filter=is_bad),
    )
    return Facts(row["sent"], row["failed"], _unreachable())


def _unreachable() -> list[Unreachable]:
    closed = TelegramLink.objects.filter(
        ended_at=None,
        unreachable_at__isnull=False,
        user__status=User.Status.ACTIVE,
        user__counterparty__isnull=False,
    ).select_related("user__person")
    open_ = Settlement.objects.filter(status__in=OPEN_STATES)
    live = Rfq.objects.filter(status__in=Rfq.LIVE)
    trades = sum(
        (
            _number(open_.filter(client=OuterRef("user__counterparty"))),
            _number(open_.filter(lp=OuterRef("user__counterparty"))),
            _number(live.filter(counterparty=OuterRef("user__counterparty"))),
        ),
        start=F("pk") * 0,
    )
    return [
        Unreachable(
            link.user.ref,
            link.user.person.full_name if link.user.person else link.user.username,
            link.unreachable_at,
            link.user.counterparty_id,
            link.trades,
        )
        for link in closed.annotate(trades=trades).order_by("pk")
        if link.unreachable_at is not None
    ]


def _number(rows: QuerySet[Settlement] | QuerySet[Rfq]) -> Coalesce:
    counted = rows.order_by().annotate(all=Value(1)).values("all").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def errors(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Too many of the late messages were not taken, where there were enough to say so."""
    limits = rule.thresholds
    if facts.sent < limits["count"] or facts.failed * 100 <= facts.sent * limits["percent"]:
        return []
    return [Finding("telegram", values={"count": facts.failed, "of": facts.sent})]


def unreachable(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Somebody with open trades whom nothing reaches."""
    return [
        Finding(one.user, one.name, {"trades": one.trades, "since": one.since.isoformat()}, counterparty_id=one.party)
        for one in facts.unreachable
        if one.trades >= rule.thresholds["count"]
    ]


MONITOR = Monitor("messages", gather, {"telegram_errors": errors, "chat_unreachable": unreachable})
