"""Jobs of the market: telling people that time is over; reference rates; pausing LPs that fail their terms; reports."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from procrastinate.contrib.django import app

from rfq import operations
from rfq.models import Pair
from rfq.operations.pausing import AlreadyPaused
from rfq.queries import exposure, judging, scorecards
from rfq.rates import configuration
from rfq.rates.base import Source
from rfq.rates.fetching import Fetcher
from trading.lib import clock
from trading.lib.operations import Busy

log = logging.getLogger(__name__)


@app.task(name="rfq.sweep", queue="default")
def sweep() -> None:
    """Expire what is due. Asked for at every deadline."""
    operations.expire_due(now=clock.now())


@app.task(name="rfq.watch_heartbeat", queue="default")
def watch_heartbeat(lp_id: int) -> None:
    """Look after an LP's program that promised to be heard from. Asked for when the promise is due."""
    operations.watch_heartbeat(lp_id=lp_id, now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name="rfq.sweep_all", queue="default", lock="rfq.sweep_all")
def sweep_all(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: what a missed deadline left behind."""
    operations.expire_due(now=clock.now())


def _sources() -> Sequence[Source]:
    return configuration.build(settings.REFERENCE_SOURCES, clock=clock.now)


fetcher = Fetcher(_sources)  # kept, as its sources keep their connections and what they know of exchanges


@app.periodic(cron="* * * * * */5")
@app.task(name="rfq.take_rates", queue="default", lock="rfq.take_rates", queueing_lock="rfq.take_rates")
def take_rates(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: ask the reference sources, outside of any transaction, and judge what they say."""
    answers = fetcher.round(list(Pair.objects.values_list("code", flat=True)))
    try:
        operations.take_rates(answers=answers, now=clock.now())
    except Busy:
        log.warning("a round of reference rates was not stored: the database is busy")


@app.periodic(cron="23 * * * *")
@app.task(name="rfq.sweep_rates", queue="default", lock="rfq.sweep_rates")
def sweep_rates(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every hour: delete rates that are older than they are kept."""
    before = clock.now() - timedelta(days=settings.RATES_KEPT_DAYS)
    while operations.sweep_rates(before=before):
        pass


@app.periodic(cron="37 3 * * *")
@app.task(name="rfq.forget_old_news", queue="default", lock="rfq.forget_old_news")
def forget_old_news(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every night: forget what programs were told long ago."""
    operations.forget_old_news(now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name="rfq.judge_lps", queue="default", lock="rfq.judge_lps")
def judge_lps(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: pause the LPs that fail what their terms ask of them."""
    for record in judging.failing():
        try:
            operations.pause_lp(lp_ref=record.lp_ref, actor=None, reason=" ".join(record.failures), now=clock.now())
        except AlreadyPaused:
            log.info("%s was paused by somebody else meanwhile", record.lp_ref)


@app.periodic(cron="* * * * *")
@app.task(name="rfq.keep_reports", queue="default", lock="rfq.keep_reports", queueing_lock="rfq.keep_reports")
def keep_reports(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: make the reports anew whose turn it is, those over few trades first."""
    for report in (exposure.REVENUE, *scorecards.REPORTS.values()):
        operations.keep_report(report=report, now=clock.now())
