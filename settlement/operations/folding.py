"""What the books are read from in place of all entries: added up, as far as nothing can appear among it any more."""

from django.db import connection

from settlement.standings import MOST_AT_ONCE
from trading.lib.operations import operation


@operation
def fold_entries() -> int:
    """
    Add up some more entries by day, and follow how far each side of an LP's account is paid.

    The answer is how many entries that were, at most `MOST_AT_ONCE` of either; the database decides how far it goes.
    Nothing changes in what pages show: they read the sums and what is not in them yet. So it leaves no event.
    """
    with connection.cursor() as cursor:
        cursor.execute("select settlement_fold(%s)", [MOST_AT_ONCE])
        folded = int(cursor.fetchone()[0])
        cursor.execute("select settlement_follow_lps(%s)", [MOST_AT_ONCE])
        return folded + int(cursor.fetchone()[0])
