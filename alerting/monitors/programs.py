"""
Programs that are silent, and jobs that nobody runs.

A silent worker evaluates nothing: the bot looks for it (`alerting.watchdog`). A silent bot the worker sees here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from alerting import queries
from alerting.findings import Finding, Monitor
from alerting.models import AlertRule

# A job is stalled when whoever runs it has shown no sign of life for so long.
STALLED = """
select count(*) from procrastinate_jobs where status = 'doing' and (worker_id is null or not exists (
    select from procrastinate_workers
    where id = worker_id and last_heartbeat > now() - make_interval(secs => %s)
))
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """When each program was heard last, and how many jobs are stalled; `programs` is which there should be."""

    beats: Mapping[str, datetime]
    programs: tuple[str, ...] = ("worker", "bot")
    stalled: int = 0


def gather(_now: datetime, rules: Mapping[str, AlertRule]) -> Facts:
    """Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(STALLED, [rules["stalled_jobs"].thresholds["seconds"]])
        (stalled,) = cursor.fetchone()
    programs = ("worker", "bot") if settings.TELEGRAM_BOT_TOKEN else ("worker",)
    return Facts(queries.heartbeats(), programs, stalled)


def worker(now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """No worker showed that it works."""
    return _silent("worker", now, facts, rule)


def bot(now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """No bot polls."""
    return _silent("bot", now, facts, rule)


def _silent(name: str, now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """One that was never heard is not missed: nobody has started it yet."""
    last = facts.beats.get(name)
    if name not in facts.programs or last is None or now - last <= timedelta(seconds=rule.thresholds["seconds"]):
        return []
    return [Finding(name, name, {"since": last.isoformat()})]


def stalled(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Jobs were begun by programs that are gone, and nobody has taken them over."""
    if facts.stalled < rule.thresholds["count"]:
        return []
    return [Finding("all", values={"count": facts.stalled})]


MONITOR = Monitor("programs", gather, {"worker_silent": worker, "bot_silent": bot, "stalled_jobs": stalled})
