"""Jobs of dual control and of the record: executing, expiring, sealing, verifying."""

import logging
from pathlib import Path

from django.conf import settings
from procrastinate.contrib.django import app

from trading.lib import clock
from users import limits, operations
from users.verification import nightly

log = logging.getLogger(__name__)

SEALS_A_RUN = 20


@app.periodic(cron="* * * * * */5")
@app.task(name="users.seal_audit", queue="default", lock="audit.seal")
def seal_audit(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: seal what was committed since, a bounded number of batches."""
    for _ in range(SEALS_A_RUN):
        if operations.seal_audit(now=clock.now()) is None:
            return


@app.task(name="users.execute_approved", queue="default")
def execute_approved(request_id: int) -> None:
    """Try an approved act again that could not be done at once."""
    operations.execute_approved(request_id=request_id, now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name="users.expire_approvals", queue="default", lock="users.expire_approvals")
def expire_approvals(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: close the requests whose time is over."""
    operations.expire_approvals(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(name="users.sweep_sessions", queue="default", lock="users.sweep_sessions")
def sweep_sessions(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every ten minutes: remove sessions and tokens that are over, and counts that matter no more."""
    operations.sweep_sessions(now=clock.now())
    operations.sweep_attempts(now=clock.now())
    operations.sweep_tokens(now=clock.now())
    limits.sweep(now=clock.now())


@app.periodic(cron="17 3 * * *")
@app.task(name="users.verify_audit", queue="default", lock="users.verify_audit")
def verify_audit(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every night: verify the evidence, record the outcome, and note the last seal outside the database."""
    file = Path(settings.AUDIT_ANCHOR_FILE) if settings.AUDIT_ANCHOR_FILE else None
    report, anchored = nightly.run(file=file, now=clock.now())
    operations.record_verification(report=report, anchored=anchored, now=clock.now())
    for finding in report.findings:
        log.error("the evidence is not whole: %s", finding)
    if not report.findings:
        log.info("the evidence is whole: %s seals over %s events", report.seals, report.events)
