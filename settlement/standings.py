"""What accounts stand at: the days that were added up, and the entries since. Never by summing the whole past."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

ZERO = Decimal(0)
INSTANT = timedelta(microseconds=1)
MOST_AT_ONCE = 500_000  # entries added up in one transaction: some seconds at most

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
# The same as it was at an instant, included: whole days before it, what was entered on its own day, what is not added
# up yet. Nothing is entered in the future, so at an instant that has not come all days are whole.
AT = """
mark as materialized (select coalesce((select upto from settlement_foldmark), 0) as upto, %(at)s >= now() as is_now),
standing as (
    select account_id, layer, sum(amount) as amount from (
        select account_id, layer, amount from settlement_daysum, mark
        where is_now or day < (%(at)s at time zone 'UTC')::date
        union all
        select entry.account_id, entry.layer, entry.amount
        from mark, settlement_journal as journal join settlement_entry as entry on entry.journal_id = journal.id
        where not is_now and entry.id <= upto
            and journal.created_at >= date_trunc('day', %(at)s::timestamptz, 'UTC') and journal.created_at <= %(at)s
        union all
        select entry.account_id, entry.layer, entry.amount
        from settlement_entry as entry join settlement_journal as journal on journal.id = entry.journal_id
        where entry.id > (select upto from mark) and journal.created_at <= %(at)s
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
    return _read(AT, accounts=list(accounts), at=instant - INSTANT)


def _read(standing: str, **values: list[int] | datetime) -> dict[int, Standing]:
    with connection.cursor() as cursor:
        cursor.execute(f"with {standing} {OF_ACCOUNTS}", values)
        return {pk: Standing(posted, held) for pk, posted, held in cursor.fetchall()}
