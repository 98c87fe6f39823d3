"""
A desk with a long past: settled trades of the sandbox, copied as often as asked, for measuring at size.

Each copy is whole: request, invitations, quotes, fill, settlement with its steps, transfer, journals and entries, audit
events; with ids and references of its own, and earlier. The books stay right: what the copies paid was paid in before.
Everything is one transaction of the owner, by one statement a table; triggers and indexes of the copied tables stand
still meanwhile (indexes built once cost a third of what they cost row by row), and nobody else may be in the database.
Only in the sandbox.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from settlement import operations
from settlement.models import LedgerAccount, Wallet
from trading.lib import clock
from trading.lib.ids import ALPHABET, new_ref
from trading.lib.money import Money
from users import audit

type Say = Callable[[str], None]

FEWEST_SOURCES, MOST_SOURCES = 2, 40
SPREAD_DAYS = 180
SEALED_AT_ONCE = 20_000
NONCES_FROM = 10**12  # of copied transfers: no chain counts them
HISTORY = "rfq_rfq"


class NothingToCopy(Exception):
    """There are no two settled trades, or somebody else works in the database; says what to do."""


@dataclass(frozen=True, slots=True)
class Copies:
    """
    How many copies are made, and the number from which on they are numbered: after all that are there.

    A number that would give a copy the very name of a source is passed by (`NUMBERS`); among the numbers of so many
    copies such are few, and of two sources or more the next copies begin after them all.
    """

    first: int
    number: int


@dataclass(frozen=True, slots=True)
class Table:
    """
    One table of a trade: which of its rows belong to the sources, and what differs in a copy.

    `parents` says which columns name rows of which copied table. `changes` are SQL for columns, over `s`, a source's
    row, and `k`, the number of the copy.
    """

    name: str
    rows: str
    parents: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)


# The copy of a reference or of a transaction's id: of the same form, and the same for the same word wherever it stands.
NAME = "pg_temp.scaled(s.{}, k)"
OF_RFQ = "rfq_id in (select id from source_rfq_rfq)"
OF_SETTLEMENT = "settlement_id in (select id from source_settlement_settlement)"
KEY_NAME = "pg_temp.scaled(split_part(s.key, ':', 2), k)"
KEY = "case when s.{0} = '' then '' else left(s.{0}, 40) || ':' || k end"
TABLES = (
    Table(HISTORY, "true", changes={"ref": NAME.format("ref"), "client_rfq_id": KEY.format("client_rfq_id")}),
    Table("rfq_invitation", OF_RFQ, {"rfq_id": HISTORY}),
    Table(
        "rfq_quote",
        OF_RFQ,
        {"rfq_id": HISTORY},
        {"ref": NAME.format("ref"), "idempotency_key": KEY.format("idempotency_key")},
    ),
    Table(
        "settlement_settlement",
        "id in (select settlement_id from rfq_fill where rfq_id in (select id from source_rfq_rfq))",
        changes={"ref": NAME.format("ref"), "trade_ref": NAME.format("trade_ref")},
    ),
    Table(
        "rfq_fill",
        OF_RFQ,
        {"rfq_id": HISTORY, "quote_id": "rfq_quote", "settlement_id": "settlement_settlement"},
        {"ref": NAME.format("ref"), "idempotency_key": KEY.format("idempotency_key")},
    ),
    Table("settlement_settlementtransition", OF_SETTLEMENT, {"settlement_id": "settlement_settlement"}),
    Table(
        "settlement_transfer",
        OF_SETTLEMENT,
        {"settlement_id": "settlement_settlement"},
        {"ref": NAME.format("ref"), "nonce": f"{NONCES_FROM} + {{id}}", "block_number": "0"},
    ),
    Table(
        "settlement_transferattempt",
        "transfer_id in (select id from source_settlement_transfer)",
        {"transfer_id": "settlement_transfer"},
        {"tx_hash": NAME.format("tx_hash")},
    ),
    Table(
        "settlement_journal",
        "subject in (select ref from source_settlement_settlement union all select ref from source_settlement_transfer"
        " union all select ref from source_rfq_fill)",
        changes={"key": f"replace(s.key, split_part(s.key, ':', 2), {KEY_NAME})", "subject": NAME.format("subject")},
    ),
    Table(
        "settlement_entry",
        "journal_id in (select id from source_settlement_journal)",
        {"journal_id": "settlement_journal"},
    ),
    Table(
        "users_auditevent",
        "subject_ref in (select ref from source_rfq_rfq union all select ref from source_settlement_settlement"
        " union all select ref from source_rfq_quote union all select ref from source_rfq_fill)",
        changes={"subject_ref": NAME.format("subject_ref")},
    ),
)

DIGITS = " || ".join(f"substr('{ALPHABET}', 1 + (k / {32**place} % 32)::int, 1)" for place in range(4))
MOST_COPIES = 32**4
MAKE_NAMES = f"""
create or replace function pg_temp.scaled(word text, k bigint) returns text language sql immutable as $$
    select case when word ~ '^[A-Z]{{3}}-' then left(word, 4) || {DIGITS} || right(word, 4)
        when word like '0x%' then left(word, 34) || lpad(to_hex(k), 32, '0') else word end
$$
"""  # of this module's words alone
NUMBERS = f"""
create temp table copy_number on commit drop as
select k, row_number() over (order by k) - 1 as place from generate_series(%s::bigint, %s::bigint) as k
where {DIGITS.replace("%", "%%")} not in (
    select substr(ref, 5, 4) from source_rfq_rfq union all select substr(ref, 5, 4) from source_rfq_quote
    union all select substr(ref, 5, 4) from source_settlement_settlement
    union all select substr(ref, 5, 4) from source_settlement_transfer
    union all select substr(ref, 5, 4) from source_rfq_fill
) order by k limit %s
"""  # noqa: S608 - of this module's words alone; what `MAKE_NAMES` would call like a source is left out
# A copy ends as its source does, and is no source itself.
SOURCES = """
select * from (
    select distinct on (right(rfq.ref, 4)) rfq.* from rfq_rfq as rfq
    join rfq_fill as fill on fill.rfq_id = rfq.id
    join settlement_settlement as settlement on settlement.id = fill.settlement_id
    where settlement.status = 'settled' and not exists (
        select from settlement_reversal as reversal where reversal.settlement_id = settlement.id
    ) order by right(rfq.ref, 4), rfq.id
) as traded order by id limit %s
"""
# What stands still: foreign keys, what must be unique (unless a key points to it), other indexes; drop it, put it back.
RULES = """
select format('alter table %%s drop constraint %%I', conrelid::regclass, conname),
    format('alter table %%s add constraint %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint as rule
where conrelid = any (%s::regclass[]) and (contype = 'f' or (contype = 'u' and not exists (
    select from pg_constraint as pointing where pointing.contype = 'f' and pointing.conindid = rule.conindid)))
union all
select format('drop index %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
from pg_index where indrelid = any (%s::regclass[])
and not exists (select from pg_constraint where conindid = indexrelid)
"""
COLUMNS = """
select attname, atttypid::regtype::text from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum
"""
# Of other roles' sessions one sees whose they are, and of which database; the server's own workers have no user.
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and usename is not null and pid <> pg_backend_pid() and pid <> all (%s)
"""
# What one set of copies takes from each account that the database keeps a balance of, in its own direction.
TAKEN = """
select account_id, sum(entry.amount) * (case account.normal when 'D' then 1 else -1 end)
from settlement_entry as entry join settlement_ledgeraccount as account on account.id = entry.account_id
where account.is_cached and entry.layer = 'P' and journal_id in (
    select id from settlement_journal where subject in (
        select settlement.ref from settlement_settlement as settlement join rfq_fill as fill
            on fill.settlement_id = settlement.id where fill.rfq_id = any (%s)
        union all select transfer.ref from settlement_transfer as transfer join rfq_fill as fill
            on fill.settlement_id = transfer.settlement_id where fill.rfq_id = any (%s)
        union all select ref from rfq_fill where rfq_id = any (%s)
    )
) group by account_id, account.normal
"""
BALANCES = """
update settlement_balance as balance set posted = sums.posted
from (
    select entry.account_id, sum(entry.amount) * (case account.normal when 'D' then 1 else -1 end) as posted
    from settlement_entry as entry join settlement_ledgeraccount as account on account.id = entry.account_id
    where account.is_cached and entry.layer = 'P' group by entry.account_id, account.normal
) as sums
where balance.account_id = sums.account_id and balance.posted <> sums.posted
"""
# What the database keeps with each fill; nothing that is copied was taken back.
DAYS = """
insert into rfq_dailynotional as kept (client_id, day, base_amount)
select fill.client_id, (fill.filled_at at time zone 'UTC')::date, sum(fill.base_amount) from rfq_fill as fill
where not exists (select from settlement_reversal as back where back.settlement_id = fill.settlement_id) group by 1, 2
on conflict (client_id, day) do update set base_amount = excluded.base_amount
"""


def scale(rfqs: int, say: Say) -> None:
    """
    Copy settled trades until there are so many requests; says how many rows each table got.

    :raises NothingToCopy: there is no settled trade, somebody else is in the database, or this is no sandbox.
    """
    if not settings.IS_SANDBOX:
        raise NothingToCopy("Copies are made in the sandbox alone: set DESK_ENV=sandbox.")
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from rfq_rfq")
        there = cursor.fetchone()[0]
    if there >= rfqs:
        say("nothing to copy: there are as many requests")
        return
    sources = _sources()
    copies = Copies(there + 1, ceil((rfqs - there) / len(sources)))
    if copies.first + 2 * copies.number >= MOST_COPIES:
        raise NothingToCopy(f"{len(sources)} settled trades cannot be copied so often: let more be settled first.")
    _must_be_alone()
    _pay_in(sources, copies.number)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            "set local statement_timeout = 0; set local work_mem = '256MB'; set local maintenance_work_mem = '512MB'"
        )
        cursor.execute(MAKE_NAMES)
        _copy_all(cursor, len(sources), copies, say)
    _seal()
    while operations.fold_entries():
        say("entries added up by day")
    with connections["owner"].cursor() as cursor:
        cursor.execute("vacuum (analyze)")


def _seal() -> None:
    """Seal the copies' events as sealers do whose rounds were far apart: none has to look into those before it."""
    rounds = ceil(audit.count_unsealed() / SEALED_AT_ONCE)
    for left in range(rounds, 0, -1):
        with transaction.atomic():
            audit.seal(at=clock.now() - left * 2 * audit.LONGEST_TRANSACTION, limit=SEALED_AT_ONCE)


def _must_be_alone() -> None:
    """Before anything is paid in: nobody works in the database but this process, by its two connections."""
    with connection.cursor() as own, connections["owner"].cursor() as cursor:
        own.execute("select pg_backend_pid()")
        cursor.execute(OTHERS, [[own.fetchone()[0]]])
        if cursor.fetchone()[0]:
            raise NothingToCopy("Somebody else is in the database: stop the desk's programs first.")


def _sources() -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"select id from ({SOURCES}) as found", [MOST_SOURCES])  # noqa: S608 - the statement above
        found = [pk for (pk,) in cursor.fetchall()]
    if len(found) < FEWEST_SOURCES:
        raise NothingToCopy("There are no settled trades to copy: let `make run` trade first.")
    return found


def _pay_in(sources: Sequence[int], copies: int) -> None:
    """Let clients and wallets have what their copies give away, so that no balance falls below its floor."""
    with connection.cursor() as cursor:
        cursor.execute(TAKEN, [list(sources)] * 3)
        taken = dict(cursor.fetchall())
    now = clock.now()
    for account in LedgerAccount.objects.filter(pk__in=taken).select_related("asset", "counterparty").order_by("pk"):
        if (short := -taken[account.pk] * copies) <= 0:
            continue
        money = Money.from_minor(Decimal(short), account.asset.unit)
        wallet = Wallet.objects.select_related("account").filter(account=account).first()
        if wallet is not None:
            operations.fund_wallet(wallet=wallet, money=money, reference=new_ref("SCL"), actor=None, now=now)
        elif account.counterparty is not None:
            operations.book_deposit(
                counterparty=account.counterparty, money=money, reference=new_ref("SCL"), actor=None, now=now
            )


def _copy_all(cursor: CursorWrapper, sources: int, copies: Copies, say: Say) -> None:
    """Foreign keys and indexes are put back, and so checked, over all rows at once."""
    names = [table.name for table in TABLES]
    cursor.execute(f"create temp table source_{HISTORY} on commit drop as {SOURCES}", [sources])
    _make_sources(cursor)
    cursor.execute(NUMBERS, [copies.first, copies.first + 2 * copies.number, copies.number])
    cursor.execute(RULES, [names, names])
    rules = cursor.fetchall()
    for name in names:
        cursor.execute(f"alter table {name} disable trigger user")
    for drop, _put_back in rules:
        cursor.execute(drop)
    first_ids: dict[str, str] = {}
    for table in TABLES:
        say(f"{_copy(cursor, table, copies, first_ids):,} rows of {table.name}")
    cursor.execute("alter table settlement_balance disable trigger user")
    cursor.execute(BALANCES)
    cursor.execute(DAYS)
    for _drop, put_back in reversed(rules):
        cursor.execute(put_back)
    cursor.execute("set constraints all immediate")
    for name in (*names, "settlement_balance"):
        cursor.execute(f"alter table {name} enable trigger user")


def _make_sources(cursor: CursorWrapper) -> None:
    """The rows to copy, while the indexes by which they are found are still there."""
    for table in TABLES:
        if table.name != HISTORY:
            cursor.execute(
                f"create temp table source_{table.name} on commit drop as select * from {table.name} where {table.rows}"  # noqa: S608
            )


def _copy(cursor: CursorWrapper, table: Table, copies: Copies, ids: dict[str, str]) -> int:
    """Insert the copies of one table's rows; `ids` gets how the id of a copy follows from its source's."""
    source = f"source_{table.name}"
    cursor.execute(f"select min(id), max(id), (select max(id) from {table.name}) from {source}")  # noqa: S608
    low, high, last = cursor.fetchone()
    if low is None:
        ids[table.name] = "{}"
        return 0
    ids[table.name] = f"({last + 1} + place * {high - low + 1} + {{}} - {low})"
    cursor.execute(COLUMNS, [table.name])
    columns = cursor.fetchall()
    values = [_value(table, name, kind, ids, copies) for name, kind in columns]
    names = ", ".join(f'"{name}"' for name, _kind in columns)
    cursor.execute(
        f"insert into {table.name} ({names}) overriding system value "  # noqa: S608
        f"select {', '.join(values)} from {source} as s, copy_number"
    )
    made: int = cursor.rowcount
    cursor.execute(f"select setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) from {table.name}")  # noqa: S608
    return made


def _value(table: Table, column: str, kind: str, ids: dict[str, str], copies: Copies) -> str:
    own = ids[table.name].format("s.id")
    if column == "id":
        return own
    if column in table.parents:
        return ids[table.parents[column]].format(f's."{column}"')
    if column in table.changes:
        return table.changes[column].replace("{id}", own)
    if kind == "timestamp with time zone":
        return f"s.\"{column}\" - place * interval '{SPREAD_DAYS} days' / {copies.number}"
    return f's."{column}"'
