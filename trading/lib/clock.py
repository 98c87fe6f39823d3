"""The desk's clock. Only the edges (views, bot, jobs, commands) call it; operations take `now`."""

from datetime import datetime

from django.db.models import DateTimeField, Func
from django.utils import timezone


def now() -> datetime:
    """The present instant, time-zone aware, UTC."""
    return timezone.now()  # noqa: TID251 - the one place


class DatabaseClock(Func):
    """
    The database's wall clock at the instant the row is looked at.

    Not `Now()`, the start of the statement (nor SQL's `now()`, the start of the transaction): a
    deadline that passed while it waited for a lock would look as if it had not.
    """

    function = "clock_timestamp"
    arity = 0
    output_field = DateTimeField()
