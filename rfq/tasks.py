"""Jobs of the market: telling people that time is over."""

from procrastinate.contrib.django import app

from rfq import operations
from trading.lib import clock


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
