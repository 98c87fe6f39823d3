"""Jobs that look after the jobs."""

import logging

from django.db import connection
from procrastinate.contrib.django import app

from alerting import operations
from trading.lib import clock

log = logging.getLogger(__name__)

# A worker shows that it lives every HEARTBEAT_SECONDS; one silent for STALLED_SECONDS is taken for
# dead and its jobs run again: together with the interval of the check, within 20 seconds.
HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 12.0


# One statement, so that several who look at once cannot free a job twice: the second time it would run already. Where
# somebody else holds a row it is being freed; who waits for one sees it anew, with the worker it has by then.
# A job of which one at most may wait goes when another waits already: that one does the same, and was held up by it.
RETRY_STALLED = """
    with stalled as materialized (
        select id, task_name, queueing_lock from procrastinate_jobs
        where status = 'doing' and (worker_id is null or worker_id = any (array(
            select id from procrastinate_workers where last_heartbeat < now() - make_interval(secs => %s)
        )))
        order by id
        for update skip locked
    )
    select id, task_name, case
        when exists (
            select from procrastinate_jobs waiting
            where waiting.status = 'todo' and waiting.queueing_lock = stalled.queueing_lock
        ) then procrastinate_finish_job_v1(id, 'failed', true)
        else procrastinate_retry_job_v2(id, now(), null, null, null)
    end from stalled
"""


@app.periodic(cron="* * * * * */5")
@app.task(name="jobs.retry_stalled", queue="default")
def retry_stalled(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: run the jobs of dead workers again. Every job of the desk may run twice."""
    with connection.cursor() as cursor:
        cursor.execute(RETRY_STALLED, [STALLED_SECONDS])
        for number, name, _nothing in cursor.fetchall():
            log.warning("job %s (%s) belonged to a worker that died; it runs again", number, name)


@app.periodic(cron="* * * * * */5")
@app.task(name="jobs.heartbeat", queue="default")
def heartbeat(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: show that jobs get done."""
    operations.beat(name="worker", now=clock.now())
