"""
Looking at everything: each monitor on its own, so that one that fails stops no other and is itself an alert.

Any process may evaluate: the worker does all of it, the bot what nobody sees whose worker is gone.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction

from alerting import engine, rules
from alerting.findings import Finding, Monitor
from alerting.models import Alert, AlertRule
from alerting.monitors import MONITORS

log = logging.getLogger(__name__)
TIMEOUT = "set local statement_timeout = '5s'"
FAILING = "collector_failing"


def evaluate(*, now: datetime, only: Collection[str] = ()) -> None:
    """
    Gather, judge, and settle every type of alert; or `only` these.

    While nothing is found and nothing is open, a type costs no transaction of its own.
    """
    known = rules.current()
    live = set(Alert.objects.exclude(status=Alert.Status.RESOLVED).values_list("type", flat=True))
    failing: list[Finding] = []
    for monitor in MONITORS:
        wanted = [name for name in monitor.types if not only or name in only]
        if not wanted:
            continue
        try:
            found = _judged(monitor, wanted, known, now)
        except Exception as error:
            log.exception("the monitor %s failed", monitor.name)
            failing.append(_failed(monitor.name, error))
            continue
        failing += _settled(found, live, now)
    if not only and (failing or FAILING in live):
        engine.settle(kind=FAILING, findings=failing, now=now)


def _judged(
    monitor: Monitor, wanted: Sequence[str], known: Mapping[str, AlertRule], now: datetime
) -> dict[str, Sequence[Finding]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TIMEOUT)
        facts = monitor.gather(now, known)
    return {name: monitor.types[name](now, facts, known[name]) for name in wanted}


def _settled(found: Mapping[str, Sequence[Finding]], live: Collection[str], now: datetime) -> list[Finding]:
    """Settle what was found; which types could not be."""
    failing = []
    for name, findings in found.items():
        if not findings and name not in live:
            continue
        try:
            engine.settle(kind=name, findings=findings, now=now)
        except Exception as error:
            log.exception("the alerts of %s could not be settled", name)
            failing.append(_failed(name, error))
    return failing


def _failed(name: str, error: Exception) -> Finding:
    return Finding(name, name, {"monitor": name, "error": type(error).__name__})
