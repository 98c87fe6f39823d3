"""Lines of CSV that a spreadsheet can open without running what somebody wrote into them."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(values: Iterable[object]) -> str:
    """One line of CSV, with its end."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([cell(value) for value in values])
    return buffer.getvalue()


def cell(value: object) -> str:
    """Write a value: numbers plainly, instants in UTC, nothing as nothing, and text so that it is no formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
