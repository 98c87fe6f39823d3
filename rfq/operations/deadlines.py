"""When the desk looks for what is over."""

from datetime import datetime, timedelta

from trading.lib import jobs
from trading.lib.jobs import Later

SECOND = timedelta(seconds=1)


def expire_at(deadline: datetime) -> None:
    """
    Let what ends then be marked as over, by the next full second. All that ends in one second shares one job.

    Only the mark comes then: what depends on a deadline compares it with the database's clock itself.
    """
    at = deadline.replace(microsecond=0) + SECOND
    jobs.defer("rfq.sweep", lock=f"rfq.sweep:{at.timestamp():.0f}", later=Later(at=at), unless_waiting=True)
