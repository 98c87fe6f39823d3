"""What every public write is: one transaction, all effects or none."""

from collections.abc import Callable
from functools import wraps

from django.db import transaction

from trading.lib import jobs


def operation[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """
    Run a use case in one durable transaction, its jobs written in one statement before commit.

    Durable: it may not run inside another transaction, so when it returns, it has happened.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(durable=True), jobs.batch():
            return function(*args, **kwargs)

    return run
