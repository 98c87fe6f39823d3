"""
Verifying the evidence: what `manage.py audit_verify` and the nightly job run.

Everything is read in one snapshot, so that acts that happen meanwhile are either wholly seen or not
at all. Apps above add checks of their own with `register`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction

from users.verification import chain, guards, people
from users.verification.anchors import read_anchors
from users.verification.findings import Finding, Kind, Report

__all__ = ["Finding", "Kind", "Report", "register", "verify"]

type Check = Callable[[], Iterable[Finding]]

LONGEST_STATEMENT = "10min"
_checks: list[Check] = [people.check, guards.check]


def register(check: Check) -> None:
    """Let every verification run this check, too. Called by an app when it starts."""
    if check not in _checks:
        _checks.append(check)


def verify(*, now: datetime, anchor: Path | None = None) -> Report:
    """
    Look for everything that is not as it must be; changes nothing.

    :param anchor: the file outside the database that earlier seals were noted in.
    :raises UnreadableAnchor: it is not there or not such a file.
    """
    anchors = read_anchors(anchor) if anchor else []
    with _snapshot():
        report = chain.check(anchors=anchors, now=now)
        for check in _checks:
            report.findings += check()
    return report


@contextmanager
def _snapshot() -> Iterator[None]:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            cursor.execute(f"set local statement_timeout = '{LONGEST_STATEMENT}'")
        yield
