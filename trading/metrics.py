"""
`/metrics` for Prometheus: what the business looks like, read from the database at scrape time.

The same whichever process answers. Counters of big tables come from grouped index scans for now;
every statement runs under a timeout, and a collector that fails says so in a metric of its own.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Count, F, Max, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from alerting.models import Alert, Heartbeat, InboundUpdate, OutboundMessage
from rfq import references
from rfq.models import Dispute, Fill, Quote, RateSource, Rfq
from rfq.queries.scorecards import WINDOWS, scorecards
from settlement.models import Balance, Entry, Reconciliation, Settlement, Wallet
from trading.lib import clock, http
from trading.lib.errors import Forbidden
from trading.lib.money import USDT, Money
from users.models import ApprovalRequest, AuditEvent, AuditSeal, TelegramLink
from users.queries.log import last_verification

log = logging.getLogger(__name__)
TIMEOUT = "set local statement_timeout = '2s'"
UNFINISHED = ["awaiting_funds", "flagged_off", "awaiting_approval", "approved", "blocked", "paying", "needs_review"]


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
        """All groups, and which of them succeeded."""
        success = GaugeMetricFamily(
            "desk_metrics_collect_success", "Whether a group of metrics could be read", labels=["group"]
        )
        for group in GROUPS:
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(TIMEOUT)
                    yield from list(group())
            except Error:
                log.exception("metrics of %s could not be read", group.__name__)
                success.add_metric([group.__name__.strip("_")], 0)
            else:
                success.add_metric([group.__name__.strip("_")], 1)
        yield success


def _build() -> Iterator[Metric]:
    info = GaugeMetricFamily("desk_build_info", "Version and revision that runs", labels=["version", "revision"])
    info.add_metric([settings.VERSION, settings.REVISION], 1)
    yield info


def _market() -> Iterator[Metric]:
    rfqs = CounterMetricFamily("desk_rfqs", "RFQs by side and status", labels=["side", "status"])
    for side, status, number in Rfq.objects.values_list("side", "status").annotate(number=Count("pk")):
        rfqs.add_metric([side, status], number)
    quotes = CounterMetricFamily("desk_quotes", "Quotes by side and status", labels=["side", "status"])
    rows = Quote.objects.values_list("rfq__side", "status").annotate(number=Count("pk"))
    for side, status, number in rows:
        quotes.add_metric([side, status], number)
    fills = CounterMetricFamily("desk_fills", "Fills by side", labels=["side"])
    volume = CounterMetricFamily("desk_rfq_volume_usdt", "USDT traded, by side", labels=["side"])
    totals = Fill.objects.values_list("side").annotate(number=Count("pk"), usdt=Sum("base_amount"))
    for side, number, usdt in totals:
        fills.add_metric([side], number)
        volume.add_metric([side], float(usdt))
    yield from (rfqs, quotes, fills, volume)


def _rates() -> Iterator[Metric]:
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
    yield from (age, usable, failing)


def _settlements() -> Iterator[Metric]:
    queue = GaugeMetricFamily("desk_settlement_queue_length", "Settlements that are not over", labels=["state"])
    unfinished = Settlement.objects.filter(status__in=UNFINISHED)
    counts = dict(unfinished.values_list("status").annotate(number=Count("pk")))
    for status in UNFINISHED:
        queue.add_metric([status], counts.get(status, 0))
    flagged = GaugeMetricFamily("desk_flagged_off", "Settlements recorded as flagged off", labels=["reason"])
    reasons = Settlement.objects.filter(status="flagged_off").values_list("reason").annotate(number=Count("pk"))
    for reason, number in reasons:
        flagged.add_metric([reason], number)
    oldest = unfinished.aggregate(oldest=Min("created_at"))["oldest"]
    age = (clock.now() - oldest).total_seconds() if oldest else 0
    yield from (queue, flagged)
    yield GaugeMetricFamily(
        "desk_settlement_oldest_pending_seconds", "Age of the oldest settlement that is not over", value=age
    )


def _disputes() -> Iterator[Metric]:
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


def _money() -> Iterator[Metric]:
    balance = GaugeMetricFamily("desk_wallet_balance_usdt", "USDT in a wallet", labels=["wallet", "chain"])
    posted = dict(Balance.objects.filter(account__kind="hot").values_list("account_id", "posted"))
    for wallet in Wallet.objects.all():
        amount = Money.from_minor(posted.get(wallet.account_id, 0), USDT).amount
        balance.add_metric([wallet.name, wallet.chain], float(amount))
    imbalance = GaugeMetricFamily("desk_ledger_imbalance_usdt", "Sum of all entries; zero", labels=["account_type"])
    total = Entry.objects.filter(asset_id=USDT.code).aggregate(total=Sum("amount"))["total"] or 0
    imbalance.add_metric(["all"], float(Money.from_minor(total, USDT).amount))
    yield from (balance, imbalance, *_reconciled())


def _reconciled() -> Iterator[Metric]:
    gap = GaugeMetricFamily(
        "desk_chain_ledger_difference_usdt", "What a chain has more than the books, compared last", labels=["wallet"]
    )
    paused = GaugeMetricFamily("desk_wallet_paused", "Whether a wallet is paused", labels=["wallet", "chain"])
    differences = GaugeMetricFamily("desk_reconciliation_differences", "What differed last", labels=["part"])
    age = GaugeMetricFamily("desk_reconciliation_age_seconds", "Since something was compared last", labels=["part"])
    now = clock.now()
    for part in ("chains", "books"):
        rows = Reconciliation.objects.filter(accounts__isnull=part == "chains")
        if (last := rows.order_by("-pk").first()) is not None:
            differences.add_metric([part], len(last.differences))
            age.add_metric([part], (now - last.ended_at).total_seconds())
            for name, seen in last.wallets.items():
                gap.add_metric([name], float(Money.from_minor(seen["gap_minor"], USDT).amount))
    for wallet in Wallet.objects.all():
        paused.add_metric([wallet.name, wallet.chain], wallet.paused_at is not None)
    yield from (gap, paused, differences, age)


def _work() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("desk_jobs", "Jobs by queue and status", labels=["queue", "status"])
    for queue, status, number in ProcrastinateJob.objects.values_list("queue_name", "status").annotate(
        number=Count("pk")
    ):
        jobs.add_metric([queue, status], number)
    ages = GaugeMetricFamily("desk_worker_heartbeat_age_seconds", "Since a program was last heard", labels=["program"])
    for beat in Heartbeat.objects.all():
        ages.add_metric([beat.name], (clock.now() - beat.at).total_seconds())
    yield from (jobs, ages)


def _telegram() -> Iterator[Metric]:
    updates = GaugeMetricFamily("desk_telegram_updates", "Updates of the last month, by status", labels=["status"])
    heard = dict(InboundUpdate.objects.values_list("status").annotate(number=Count("pk")))
    for status in InboundUpdate.Status.values:
        updates.add_metric([status], heard.get(status, 0))
    messages = GaugeMetricFamily("desk_telegram_messages", "Messages of the last month, by status", labels=["status"])
    said = dict(OutboundMessage.objects.values_list("status").annotate(number=Count("pk")))
    for status in OutboundMessage.Status.values:
        messages.add_metric([status], said.get(status, 0))
    closed = GaugeMetricFamily("desk_telegram_unreachable_chats", "Linked chats that take no messages")
    closed.add_metric([], TelegramLink.objects.filter(ended_at=None).exclude(unreachable_at=None).count())
    yield from (updates, messages, closed)


def _alerts() -> Iterator[Metric]:
    sent = CounterMetricFamily("desk_alerts_sent", "Alerts told, by type", labels=["type"])
    suppressed = CounterMetricFamily("desk_alerts_suppressed", "Alerts held back, by type", labels=["type"])
    for alert in Alert.objects.all():
        sent.add_metric([alert.name], alert.told)
        suppressed.add_metric([alert.name], alert.held_back)
    yield from (sent, suppressed)


def _audit() -> Iterator[Metric]:
    sealed = AuditSeal.objects.aggregate(total=Sum(F("event_ids__len")))["total"] or 0
    unsealed = AuditEvent.objects.count() - sealed
    yield GaugeMetricFamily("desk_audit_unsealed", "Audit events that no seal holds yet", value=unsealed)
    verified = AuditEvent.objects.filter(name="audit.verified").aggregate(at=Max("at"))["at"]
    since = verified or AuditEvent.objects.order_by("pk").values_list("at", flat=True).first()
    age = (clock.now() - since).total_seconds() if since else 0
    yield GaugeMetricFamily(
        "desk_audit_verified_age_seconds",
        "Since the evidence was last found whole (or since the first event)",
        value=age,
    )
    last = last_verification()
    yield GaugeMetricFamily(
        "desk_audit_findings",
        "What the latest verification of the evidence found that is not as it must be",
        value=last.after["number_of_findings"] if last else 0,
    )
    pending = ApprovalRequest.objects.filter(status=ApprovalRequest.Status.PENDING).count()
    yield GaugeMetricFamily("desk_approvals_pending", "Approval requests that wait for a decision", value=pending)


def _lps() -> Iterator[Metric]:
    asked = GaugeMetricFamily("desk_lp_asked", "RFQs an LP was asked on, last 24 hours", labels=["lp"])
    response = GaugeMetricFamily("desk_lp_response_ratio", "Share of them that it quoted", labels=["lp"])
    slow = GaugeMetricFamily("desk_lp_quote_p95_seconds", "From asked to first quote, last 24 hours", labels=["lp"])
    paused = GaugeMetricFamily("desk_lp_paused", "Whether an LP is paused", labels=["lp"])
    for card in scorecards(window=WINDOWS["24h"], reader=None, now=clock.now()):
        total, ref = card.total, [card.lp.ref]
        asked.add_metric(ref, total.asked)
        paused.add_metric(ref, int(card.terms is not None and card.terms.paused_at is not None))
        if total.asked:
            response.add_metric(ref, total.answered / total.asked)
        if total.first_p95_ms is not None:
            slow.add_metric(ref, total.first_p95_ms / 1000)
    yield from (asked, response, slow, paused)


GROUPS: tuple[Callable[[], Iterator[Metric]], ...] = (
    _build,
    _market,
    _lps,
    _rates,
    _settlements,
    _disputes,
    _money,
    _work,
    _telegram,
    _alerts,
    _audit,
)
