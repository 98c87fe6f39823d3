"""Reports over many trades, made by a job so that no page has to: what is kept is to look at, and decides nothing."""

import time
from datetime import datetime, timedelta

from django.db import connection

from rfq.models import KeptReport
from rfq.queries.kept import Report
from trading.lib.operations import operation

# Longer than any page may take, and with room to sort in.
SETTINGS = "set local statement_timeout = '300s'; set local work_mem = '64MB'"


@operation
def keep_report(*, report: Report, now: datetime) -> bool:
    """
    Make a report anew, unless making it would take too much of the time; says whether it was.

    It is no act of anybody's, so it leaves no event.
    """
    last = KeptReport.objects.filter(pk=report.name).first()
    if last is not None and now < last.due_at:
        return False
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)
    begun = time.monotonic()
    rows = report.make(now)
    kept = {"rows": rows, "as_of": now, "took": timedelta(seconds=time.monotonic() - begun)}
    KeptReport.objects.update_or_create(pk=report.name, defaults=kept)
    return True
