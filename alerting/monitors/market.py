"""Requests that nobody quotes, spreads that are wide, references that are old."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Min
from django.db.models.functions import Abs

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule
from rfq import references
from rfq.models import Quote, Rfq
from rfq.queries import Median


@dataclass(frozen=True, slots=True)
class Unquoted:
    """How many requests of a pair wait longer than promised for their first quote, and since when."""

    pair: str
    number: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Reference:
    """When a pair's reference was last good, if ever."""

    pair: str
    last_good: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """The market as it is: `spreads` has the median distance of late quotes from the mid by pair, in basis points."""

    unquoted: Sequence[Unquoted] = ()
    spreads: Mapping[str, Decimal] | None = None
    references: Sequence[Reference] = ()


def gather(now: datetime, rules: Mapping[str, AlertRule]) -> Facts:
    """Three queries."""
    promised = timedelta(seconds=rules["quote_sla_missed"].thresholds["seconds"])
    waiting = Rfq.objects.filter(status=Rfq.Status.OPEN, expires_at__gt=now, created_at__lte=now - promised)
    rows = waiting.values("pair__code").annotate(number=Count("pk"), oldest=Min("created_at")).order_by("pair__code")
    unquoted = [Unquoted(row["pair__code"], row["number"], row["oldest"]) for row in rows]
    since = now - timedelta(seconds=rules["spread_wide"].thresholds["window_seconds"])
    given = [status for status in Quote.Status if status not in {Quote.Status.REJECTED, Quote.Status.ENTERED}]
    late = Quote.objects.filter(status__in=given, valid_until__gt=since, spread_bps__isnull=False)
    spreads = late.values("rfq__pair__code").annotate(median=Median(Abs("spread_bps"))).order_by("rfq__pair__code")
    standings = [one for one in references.standings(now=now) if one.pair.is_enabled]
    return Facts(
        unquoted,
        {row["rfq__pair__code"]: row["median"] for row in spreads},
        [Reference(one.pair.code, one.last_good.taken_at if one.last_good else None) for one in standings],
    )


def quote_sla(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """A pair with requests that have no quote for too long."""
    return [
        Finding(one.pair, one.pair, {"count": one.number, "oldest": one.oldest.isoformat()}, level=one.number)
        for one in facts.unquoted
        if one.number >= rule.thresholds["count"]
    ]


def spread(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """A pair whose quotes are far from the mid."""
    limit = rule.thresholds["bps"]
    return [
        Finding(pair, pair, {"bps": f"{bps:.1f}", "limit_bps": limit})
        for pair, bps in (facts.spreads or {}).items()
        if bps > limit
    ]


def reference(now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """A pair that may be traded, and whose reference was not good for too long, or never was."""
    found = []
    for one in facts.references:
        if one.last_good is None:
            found.append(Finding(one.pair, one.pair))
        elif now - one.last_good > timedelta(seconds=rule.thresholds["seconds"]):
            found.append(Finding(one.pair, one.pair, {"since": one.last_good.isoformat()}))
    return found


MONITOR = Monitor(
    "market", gather, {"quote_sla_missed": quote_sla, "spread_wide": spread, "reference_stale": reference}
)
