"""What accounts stand at: the days that were added up, and the entries since. Never by summing the whole past."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import connection

ZERO = Decimal(0)
INSTANT = timedelta(microseconds=1)
MOST_AT_ONCE = 200_000  # entries added up, or followed, in one transaction: some seconds at most

# Every account's sum in each layer, as the common table expression `standing`.
NOW = """
standing as (
    select account_id, layer, sum(amount) as amount from (
        select account_id, layer, amount from settlement_daysum
        union all
        select account_id, layer, amount from settlement_entry
        where id > coalesce((select upto from settlement_foldmark), 0)
    ) as parts group by account_id, layer
)
"""
# The same as it was at an instant, included, with the values of `values_at`: days before its own, what was entered on
# its own day, read from the nearer end of it, and what is not added up yet. A BRIN index finds the day. How little is
# not added up nobody knows beforehand, so its journals are looked up one by one and never all read.
AT = """
standing as (
    select account_id, layer, sum(amount) as amount from (
        select account_id, layer, amount from settlement_daysum where day < %(whole_days)s
        union all
        select entry.account_id, entry.layer, entry.amount * %(sign)s
        from settlement_journal as journal join settlement_entry as entry on entry.journal_id = journal.id
        where entry.id <= coalesce((select upto from settlement_foldmark), 0)
            and journal.created_at > %(after)s and journal.created_at <= %(upto)s
        union all
        select account_id, layer, amount from settlement_entry as entry
        where id > coalesce((select upto from settlement_foldmark), 0)
            and (select created_at from settlement_journal where id = entry.journal_id) <= %(at)s
    ) as parts group by account_id, layer
)
"""
OF_ACCOUNTS = """
select account_id,
    coalesce(sum(amount) filter (where layer = 'P'), 0), coalesce(sum(amount) filter (where layer = 'H'), 0)
from standing where account_id = any(%(accounts)s) group by account_id
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's sums: minor units, debit positive."""

    posted: Decimal = ZERO
    held: Decimal = ZERO


def of_accounts(accounts: Collection[int]) -> dict[int, Standing]:
    """What each account stands at now; an account without entries is not there. One query."""
    return _read(NOW, accounts=list(accounts))


def of_accounts_before(accounts: Collection[int], instant: datetime) -> dict[int, Standing]:
    """What each stood at just before an instant. One query."""
    return _read(AT, accounts=list(accounts), **values_at(instant - INSTANT))


def values_at(instant: datetime, *, now: datetime | None = None) -> dict[str, int | date | datetime]:
    """
    What `AT` needs: its own day up to the instant is added to the days before, or the rest taken off all of it.

    :param now: where the instant may be today's: nothing is entered after it, so the day ends there.
    """
    begun = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = begun + timedelta(days=1)
    if instant - begun <= min(ends, now or ends) - instant:
        return {"at": instant, "whole_days": begun.date(), "sign": 1, "after": begun - INSTANT, "upto": instant}
    return {"at": instant, "whole_days": ends.date(), "sign": -1, "after": instant, "upto": ends - INSTANT}


def _read(standing: str, **values: list[int] | int | date | datetime) -> dict[int, Standing]:
    with connection.cursor() as cursor:
        cursor.execute(f"with {standing} {OF_ACCOUNTS}", values)
        return {pk: Standing(posted, held) for pk, posted, held in cursor.fetchall()}
