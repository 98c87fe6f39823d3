"""Gauges of the market: references, spreads, LPs, disputes."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Min
from django.db.models.functions import Abs
from prometheus_client.core import GaugeMetricFamily, Metric

from rfq import references
from rfq.models import Dispute, Quote, RateSource
from rfq.queries import Median
from trading.lib import clock
from users.models import Counterparty

SPREAD_WINDOW = timedelta(minutes=2)
GIVEN = [status for status in Quote.Status if status not in {Quote.Status.REJECTED, Quote.Status.ENTERED}]


def rates() -> Iterator[Metric]:
    """How good each pair's reference is, and how far from it LPs quote."""
    now = clock.now()
    age = GaugeMetricFamily(
        "desk_reference_age_seconds", "Since a pair's reference was last good; none yet: no sample", labels=["pair"]
    )
    usable = GaugeMetricFamily("desk_reference_usable", "Whether a pair has a reference to trade by", labels=["pair"])
    for one in references.standings(now=now):
        if one.last_good is not None:
            age.add_metric([one.pair.code], (now - one.last_good.taken_at).total_seconds())
        usable.add_metric([one.pair.code], one.is_good)
    failing = GaugeMetricFamily("desk_rate_source_failing", "Whether a source of rates fails", labels=["source"])
    for source in RateSource.objects.all():
        failing.add_metric([source.name], bool(source.problem))
    spread = GaugeMetricFamily(
        "desk_spread_bps", "Median distance of late quotes (two minutes) from the mid; none: no sample", labels=["pair"]
    )
    late = Quote.objects.filter(status__in=GIVEN, valid_until__gt=now - SPREAD_WINDOW, spread_bps__isnull=False)
    rows = late.values_list("rfq__pair__code").annotate(median=Median(Abs("spread_bps"))).order_by("rfq__pair__code")
    for pair, median in rows:
        spread.add_metric([pair], float(median))
    yield from (age, usable, failing, spread)


def lps() -> Iterator[Metric]:
    """Which LPs are paused."""
    paused = GaugeMetricFamily("desk_lp_paused", "Whether an LP is paused", labels=["lp"])
    rows = Counterparty.objects.filter(kind=Counterparty.Kind.LP).values_list("ref", "lp_terms__paused_at")
    for ref, paused_at in rows.order_by("ref"):
        paused.add_metric([ref], paused_at is not None)
    yield paused


def disputes() -> Iterator[Metric]:
    """Disputes that are not over."""
    live = GaugeMetricFamily("desk_disputes", "Disputes that are not over, by status", labels=["status"])
    oldest = GaugeMetricFamily("desk_dispute_oldest_seconds", "Age of the oldest such dispute", labels=["status"])
    now = clock.now()
    rows = Dispute.objects.filter(status__in=Dispute.LIVE).values_list("status")
    found = {status: (number, begun) for status, number, begun in rows.annotate(Count("pk"), Min("opened_at"))}
    for status in sorted(Dispute.LIVE):
        number, begun = found.get(status, (0, now))
        live.add_metric([status], number)
        oldest.add_metric([status], max(0.0, (now - begun).total_seconds()))
    yield from (live, oldest)
