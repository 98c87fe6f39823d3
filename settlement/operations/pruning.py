"""Removing old rounds of comparing that found everything in order; the database decides which those are."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from trading.lib.operations import operation
from users import audit

PRUNED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Rounds:
    """All rounds together, in the audit."""

    ref: str = "RECONCILIATIONS"


@operation
def prune_reconciliations(*, now: datetime) -> int:
    """
    Remove old rounds that found everything in order, but one a day; the answer is how many.

    Nobody has the right to remove one otherwise, and the function that does removes nothing else.
    """
    days = settings.RECONCILIATIONS_KEPT_DAYS
    with connection.cursor() as cursor:
        cursor.execute("select settlement_prune_reconciliations(%s, %s)", [f"{days} days", PRUNED_AT_ONCE])
        gone = int(cursor.fetchone()[0])
    if gone:
        change = audit.Change(after={"removed": gone, "kept_days": days})
        audit.record("reconciliation.pruned", actor=None, subject=Rounds(), at=now, change=change)
    return gone
