"""Jobs that look after the jobs."""

import logging

from procrastinate import JobContext
from procrastinate.contrib.django import app

from alerting import operations
from trading.lib import clock

log = logging.getLogger(__name__)

# A worker shows that it lives every HEARTBEAT_SECONDS; one silent for STALLED_SECONDS is taken for
# dead and its jobs run again: together with the interval of the check, within 20 seconds.
HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 12.0


@app.periodic(cron="* * * * * */5")
@app.task(name="jobs.retry_stalled", queue="default", pass_context=True)
async def retry_stalled(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: run the jobs of dead workers again. Every job of the desk may run twice."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        log.warning("job %s (%s) belonged to a worker that died; it runs again", job.id, job.task_name)
        await manager.retry_job(job)


@app.periodic(cron="* * * * * */5")
@app.task(name="jobs.heartbeat", queue="default")
def heartbeat(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: show that jobs get done."""
    operations.beat(name="worker", now=clock.now())
