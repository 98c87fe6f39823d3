"""How often a connection waits for the server, by libpq's own trace of the wire protocol: no layer can hide a query."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import Trace

ASKED = ("\tQuery\t", "\tExecute\t")
ANSWERED = "ReadyForQuery"


@dataclass(slots=True)
class Counted:
    """Round trips, and the statements that went with them."""

    total: int = 0
    statements: int = 0


@contextmanager
def counting(connection: BaseDatabaseWrapper) -> Iterator[Counted]:
    """Count what is said inside; the figures are there once it is left."""
    counted = Counted()
    connection.ensure_connection()
    pgconn = connection.connection.pgconn
    with tempfile.TemporaryFile("w+") as trace:
        pgconn.trace(trace.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield counted
        finally:
            pgconn.untrace()
        trace.seek(0)
        for line in trace:
            counted.total += ANSWERED in line
            counted.statements += any(word in line for word in ASKED)


class Trips:
    """What each step of a lifecycle says to the server: the last of those with the same name counts."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        """Nothing was counted yet."""
        self._connection = connection
        self.counted: dict[str, dict[str, int]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count what is said inside, under this name."""
        with counting(self._connection) as counted:
            yield
        self.counted[name] = {"statements": counted.statements, "round_trips": counted.total}
