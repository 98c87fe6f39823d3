"""Asking the database for what it must refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction


def sql(statement: str, *parameters: Any) -> Any:
    """Run one statement as the runtime role; the first column of the first row it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


@contextmanager
def refused(because: str) -> Iterator[None]:
    """Whatever is done inside, in one transaction, must be refused, at the latest when it commits."""
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        yield
