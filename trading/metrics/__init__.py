"""
`/metrics` for Prometheus: what the business looks like, read from the database at scrape time.

The same whichever process answers. Gauges are read by statements that touch only what is not over or is recent,
counters from sums (`alerting.figures`), never by counting a big table. Every statement runs under a timeout and the
whole page within a time; a group that could not be read says so in a metric of its own. What the web processes count
themselves comes after it.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator

from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from trading.lib import http
from trading.lib.errors import Forbidden
from trading.metrics import counters, evidence, market, money, running

log = logging.getLogger(__name__)
TIMEOUT = "set local statement_timeout = '2s'"
LONGEST_SECONDS = 6.0  # after that no further group is begun: an answer without them is of use, one too late is not
PROBE = "select 1"

type Group = Callable[[], Iterator[Metric]]

GROUPS: tuple[Group, ...] = (
    counters.counters,
    market.rates,
    market.lps,
    market.disputes,
    money.settlements,
    money.transfers,
    money.wallets,
    money.reconciled,
    running.jobs,
    running.heartbeats,
    running.telegram,
    running.alerts,
    running.errors,
    evidence.audit,
    evidence.approvals,
    evidence.upkeep,
)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """
    All metrics, for whoever has the token, or from the machine itself when none is set.

    :raises Forbidden: neither.
    """
    if not http.is_operator(request):
        raise Forbidden
    registry = CollectorRegistry()
    registry.register(DeskCollector())
    page = generate_latest(registry) + generate_latest(_of_all_processes())
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def _of_all_processes() -> CollectorRegistry:
    """What the middleware counts: of all web processes, where they share a folder for it."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class DeskCollector(Collector):
    """Runs every group of metrics; one that fails leaves the others standing."""

    def collect(self) -> Iterable[Metric]:
        """All groups, which of them succeeded, and how long all took."""
        begun = time.monotonic()
        yield from running.build()
        success = GaugeMetricFamily(
            "desk_metrics_collect_success", "Whether a group of metrics could be read", labels=["group"]
        )
        is_up = _database_answers()
        yield GaugeMetricFamily("desk_database_up", "Whether PostgreSQL answers this web", value=is_up)
        found = _read_all(until=begun + LONGEST_SECONDS) if is_up else {}
        for group in GROUPS:
            success.add_metric([group.__name__], group in found)
            yield from found.get(group, ())
        yield success
        took = time.monotonic() - begun
        yield GaugeMetricFamily("desk_metrics_collect_seconds", "How long it took to read them all", value=took)


def _database_answers() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TIMEOUT)
            cursor.execute(PROBE)
    except Error:
        log.exception("metrics could not be read: PostgreSQL does not answer")
        return False
    return True


def _read_all(*, until: float) -> dict[Group, list[Metric]]:
    """
    The groups that could be read; none is begun after the instant `until` of the monotonic clock.

    All in one transaction, as far as none fails: one that does ends it, and those after it have another.
    """
    found: dict[Group, list[Metric]] = {}
    waiting = list(GROUPS)
    while waiting and time.monotonic() < until:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(TIMEOUT)
                while waiting and time.monotonic() < until:
                    found[waiting[0]] = list(waiting[0]())
                    waiting.pop(0)
        except Error:
            failed = waiting.pop(0).__name__ if waiting else "the end of the last"
            log.exception("metrics of %s could not be read", failed)
    return found
