"""What every public write is: one transaction, all effects or none."""

from collections.abc import Callable
from functools import wraps

from django.db import NotSupportedError, OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from trading.lib import jobs
from trading.lib.errors import DeskError, Unavailable
from trading.lib.prepared import is_outdated

# PostgreSQL's codes: lock not available, query cancelled (statement timeout), deadlock, serialization.
TOO_BUSY = {"55P03", "57014", "40P01", "40001"}


class Busy(Unavailable):
    """Others held a lock for too long."""

    code = "busy"
    text = _("The desk is busy with this right now. Nothing was done; try again in a moment.")


def operation[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """
    Run a use case in one durable transaction, its jobs written in one statement before commit.

    Durable: it may not run inside another transaction, so when it returns, it has happened. A refusal is logged,
    whether it is raised or kept on record and returned.

    :raises Busy: others held what it needs for too long, or it stood in their way; nothing happened.
    """
    name = f"{function.__module__}.{function.__name__}"

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with transaction.atomic(durable=True), jobs.batch():
                done = function(*args, **kwargs)
        except DeskError as refusal:
            refusal.write_down(name)
            raise
        except (OperationalError, NotSupportedError) as error:
            # A kept plan of a table that a migration has just changed is made anew the next time.
            if getattr(error.__cause__, "sqlstate", None) not in TOO_BUSY and not is_outdated(error.__cause__):
                raise
            busy = Busy()
            busy.write_down(name)
            raise busy from error
        if isinstance(done, DeskError):
            done.write_down(name)
        return done

    return run
