"""Gauges of the machinery: what runs, since when it was not heard, what waits, what failed."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerting.models import Alert, AlertTally, Heartbeat, InboundUpdate, OutboundMessage
from alerting.queries import UNSETTLED
from rfq.models import RateSource
from settlement.models import Settlement
from settlement.queries import STUCK
from trading.lib import clock
from trading.tasks import STALLED_SECONDS
from users.models import TelegramLink

# A job whose worker shows no sign of life, or is gone.
STALLED = """
    select queue_name, count(*) from procrastinate_jobs where status = 'doing' and (
        worker_id is null
        or worker_id not in (
            select id from procrastinate_workers where last_heartbeat > now() - make_interval(secs => %s)
        )
    ) group by queue_name order by queue_name
"""
QUEUES = ("default", "messages", "money")
LATE_WORDS = """
    select count(*) filter (where status = 'failed'), count(*) filter (where status <> 'waiting')
    from alerting_inboundupdate where received_at > now() - interval '10 minutes'
"""
LATE_MESSAGES = """
    select count(*) filter (where status in ('failed', 'unreachable')),
        count(*) filter (where status not in ('waiting', 'sending'))
    from alerting_outboundmessage where created_at > now() - interval '10 minutes'
"""


def build() -> Iterator[Metric]:
    """What runs. Asks nobody."""
    info = GaugeMetricFamily("desk_build_info", "Version and revision that runs", labels=["version", "revision"])
    info.add_metric([settings.VERSION, settings.REVISION], 1)
    yield info


def jobs() -> Iterator[Metric]:
    """What waits and runs, and what was begun by a worker that is gone."""
    family = GaugeMetricFamily("desk_jobs", "Jobs by queue and status", labels=["queue", "status"])
    rows = ProcrastinateJob.objects.values_list("queue_name", "status").annotate(number=Count("pk")).order_by()
    for queue, status, number in rows:
        family.add_metric([queue, status], number)
    stalled = GaugeMetricFamily("desk_jobs_stalled", "Jobs whose worker is gone", labels=["queue"])
    found = stalled_jobs()
    for queue in QUEUES:
        stalled.add_metric([queue], found.get(queue, 0))
    yield from (family, stalled)


def stalled_jobs() -> dict[str, int]:
    """How many jobs of each queue were begun by a worker that is gone. One query."""
    with connection.cursor() as cursor:
        cursor.execute(STALLED, [STALLED_SECONDS])
        return dict(cursor.fetchall())


def heartbeats() -> Iterator[Metric]:
    """Since when each program was not heard."""
    ages = GaugeMetricFamily("desk_worker_heartbeat_age_seconds", "Since a program was last heard", labels=["program"])
    now = clock.now()
    for beat in Heartbeat.objects.order_by("name"):
        ages.add_metric([beat.name], (now - beat.at).total_seconds())
    yield ages


def telegram() -> Iterator[Metric]:
    """What waits on its way from and to Telegram, and who cannot be reached."""
    waiting = GaugeMetricFamily("desk_telegram_waiting", "Updates and messages on their way", labels=["direction"])
    waiting.add_metric(["in"], InboundUpdate.objects.filter(status=InboundUpdate.Status.WAITING).count())
    waiting.add_metric(["out"], OutboundMessage.objects.filter(status__in=UNSETTLED).count())
    closed = TelegramLink.objects.filter(ended_at=None).exclude(unreachable_at=None).count()
    yield waiting
    yield GaugeMetricFamily("desk_telegram_unreachable_chats", "Linked chats that take no messages", value=closed)


def alerts() -> Iterator[Metric]:
    """What fires, was told and was held back."""
    firing = GaugeMetricFamily("desk_alerts_firing", "Alerts that fire, acknowledged or not, by type", labels=["type"])
    live = Alert.objects.filter(status__in=Alert.LIVE).values_list("type")
    for kind, number in live.annotate(number=Count("pk")).order_by("type"):
        firing.add_metric([kind], number)
    sent = CounterMetricFamily("desk_alerts_sent", "Alerts told, by type", labels=["type"])
    suppressed = CounterMetricFamily("desk_alerts_suppressed", "Alerts held back, by type", labels=["type"])
    for tally in AlertTally.objects.all():
        sent.add_metric([tally.type], tally.told)
        suppressed.add_metric([tally.type], tally.held_back)
    yield from (firing, sent, suppressed)


def errors() -> Iterator[Metric]:
    """What failed lately, as a share, and what failed and waits for somebody."""
    rate = GaugeMetricFamily(
        "desk_error_rate", "Share of the last ten minutes that was given up; of nothing: zero", labels=["component"]
    )
    for component, statement in (("bot", LATE_WORDS), ("messages", LATE_MESSAGES)):
        with connection.cursor() as cursor:
            cursor.execute(statement)
            bad, all_ = cursor.fetchone()
        rate.add_metric([component], bad / all_ if all_ else 0)
    open_ = GaugeMetricFamily("desk_errors_unresolved", "What failed and waits for somebody", labels=["component"])
    open_.add_metric(["jobs"], ProcrastinateJob.objects.filter(status="failed").count())
    open_.add_metric(["settlements"], Settlement.objects.filter(status__in=STUCK).count())
    open_.add_metric(["rates"], RateSource.objects.exclude(problem="").count())
    yield from (rate, open_)
