"""Adding up by day what was entered, as far as nothing can appear among it any more; the database decides how far."""

from django.db import connection

from settlement.standings import MOST_AT_ONCE
from trading.lib.operations import operation


@operation
def fold_entries() -> int:
    """
    Add up some more entries; the answer is how many ids that were, at most `MOST_AT_ONCE`.

    Nothing changes in what pages show: they read the sums and what is not in them yet. So it leaves no event.
    """
    with connection.cursor() as cursor:
        cursor.execute("select settlement_fold(%s)", [MOST_AT_ONCE])
        return int(cursor.fetchone()[0])
