"""Jobs of the record: sealing the audit log."""

from procrastinate.contrib.django import app

from trading.lib import clock
from users import operations

SEALS_A_RUN = 20


@app.periodic(cron="* * * * * */5")
@app.task(name="users.seal_audit", queue="default", lock="audit.seal")
def seal_audit(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five seconds: seal what was committed since, a bounded number of batches."""
    for _ in range(SEALS_A_RUN):
        if operations.seal_audit(now=clock.now()) is None:
            return
