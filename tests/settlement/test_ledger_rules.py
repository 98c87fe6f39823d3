"""What the database refuses to the role the desk runs as, whatever the code does."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from settlement import ledger
from settlement.ledger import HELD, POSTED, JournalConflict, Leg, NoAccount, Posting
from settlement.models import Balance, Entry, Journal, LedgerAccount
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql

NEVER = "never changed or removed"
DENIED = "permission denied"
UNBALANCED = "does not balance"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="1000", usdt="1000")


def new_journal(key: str = "probe") -> int:
    """Begin a journal by hand."""
    return int(
        sql(
            "insert into settlement_journal (key, kind, subject, input_hash)"
            " values (%s, 'probe', 'probe', '') returning id",
            key,
        )
    )


def add_entries(journal: int, *legs: tuple[str, int], layer: str = "P", asset: str = "") -> None:
    """Add entries by hand, in one statement."""
    rows, values = [], []
    for code, amount in legs:
        account = LedgerAccount.objects.get(code=code)
        rows.append("(%s, %s, %s, %s, %s)")
        values += [journal, account.pk, asset or account.asset_id, layer, amount]
    sql(
        f"insert into settlement_entry (journal_id, account_id, asset_id, layer, amount) values {', '.join(rows)}",  # noqa: S608
        *values,
    )


def client_account(market: Market, asset: str = "USDT") -> str:
    return f"client:{market.client.ref}:{asset}"


# --- journals balance ------------------------------------------------------------------------


def test_balanced_journal_is_taken(market: Market) -> None:
    with transaction.atomic():
        add_entries(new_journal(), ("fx:USDT", 5), ("capital:USDT", -5))

    assert Entry.objects.filter(journal__key="probe").count() == 2


def test_unbalanced_journal_is_refused(market: Market) -> None:
    with refused(UNBALANCED):
        add_entries(new_journal(), ("fx:USDT", 5), ("capital:USDT", -4))


def test_assets_do_not_balance_each_other(market: Market) -> None:
    with refused(UNBALANCED):
        add_entries(new_journal(), ("fx:USDT", 5), ("fx:EUR", -5))


def test_layers_do_not_balance_each_other(market: Market) -> None:
    with refused(UNBALANCED):
        journal = new_journal()
        add_entries(journal, ("fx:USDT", 5))
        add_entries(journal, ("capital:USDT", -5), layer="H")


def test_entries_added_after_the_check_was_forced_are_checked_too(market: Market) -> None:
    with refused(UNBALANCED):
        journal = new_journal()
        add_entries(journal, ("fx:USDT", 5), ("capital:USDT", -5))
        sql("set constraints all immediate")
        add_entries(journal, ("fx:USDT", 7))


def test_empty_journal_is_refused_at_commit(market: Market) -> None:
    with refused("has no entries"):
        new_journal()


def test_zero_amount_is_refused(market: Market) -> None:
    with refused("entry_not_zero"):
        add_entries(new_journal(), ("fx:USDT", 0))


def test_unknown_layer_is_refused(market: Market) -> None:
    with refused("entry_layer_known"):
        add_entries(new_journal(), ("fx:USDT", 5), ("capital:USDT", -5), layer="X")


def test_entry_in_another_asset_than_its_account_is_refused(market: Market) -> None:
    with refused("entry_account_asset"):
        add_entries(new_journal(), ("fx:USDT", 5), ("capital:USDT", -5), asset="EUR")


def test_journal_is_closed_with_its_transaction(market: Market) -> None:
    with transaction.atomic():
        journal = new_journal()
        add_entries(journal, ("fx:USDT", 5), ("capital:USDT", -5))

    with refused("is closed"):
        add_entries(journal, ("fx:USDT", 7), ("capital:USDT", -7))


def test_journal_cannot_be_made_to_look_like_a_later_transactions(market: Market) -> None:
    with transaction.atomic():
        journal = sql(
            "insert into settlement_journal (key, kind, subject, input_hash, xid, created_at)"
            " values ('probe', '', '', '', '9999999', 'infinity') returning id"
        )
        add_entries(journal, ("fx:USDT", 5), ("capital:USDT", -5))

    stamp = sql("select xid <> '9999999' and created_at < 'infinity' from settlement_journal where key = 'probe'")
    assert stamp is True


def test_journal_is_reversed_once_and_by_nobody_alone(market: Market, owner: Any) -> None:
    original = Journal.objects.earliest("pk")
    reverse = "insert into settlement_journal (key, kind, subject, input_hash, reverses_id) values (%s, %s, '', '', %s)"

    for key, kind, reverses in (("x", "x", original.pk), ("reversal:x", "x", None), ("x", "reversal", None)):
        with refused("RV04"):
            sql(reverse, key, kind, reverses)
    owner.execute("select indexdef from pg_indexes where tablename = 'settlement_journal' and indexdef ~ 'reverses_id'")
    assert owner.fetchone()[0].startswith("CREATE UNIQUE INDEX")


# --- balances --------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [POSTED, HELD])
def test_client_cannot_be_overdrawn(market: Market, layer: str) -> None:
    contra = "capital:USDT" if layer == POSTED else "hold:USDT"
    with refused("balance_floor"):
        sign = 1 if layer == POSTED else -1
        add_entries(
            new_journal(), (client_account(market), sign * 1_000_000_001), (contra, -sign * 1_000_000_001), layer=layer
        )


def test_client_can_be_emptied(market: Market) -> None:
    with transaction.atomic():
        add_entries(new_journal(), (client_account(market), 1_000_000_000), ("capital:USDT", -1_000_000_000))

    assert Balance.objects.get(account__code=client_account(market)).posted == 0


def test_hot_wallet_cannot_be_overdrawn(market: Market) -> None:
    too_much = 10_000_000_000_001
    with refused("balance_floor"):
        add_entries(new_journal(), (market.wallet.account.code, -too_much), ("capital:USDT", too_much))


def test_holds_cannot_be_let_go_twice(market: Market) -> None:
    with refused("balance_held_not_negative"):
        add_entries(new_journal(), (client_account(market), 1), ("hold:USDT", -1), layer="H")


def test_credit_line_moves_the_floor(market: Market) -> None:
    factories.credit(market.client, "0.01", "USDT")

    with transaction.atomic():
        add_entries(new_journal(), (client_account(market), 1_000_000_001), ("capital:USDT", -1_000_000_001))

    assert Balance.objects.get(account__code=client_account(market)).posted == -1


BALANCES_BY_HAND = [
    "update settlement_balance set posted = posted + 1",
    "delete from settlement_balance",
    "truncate settlement_balance",
    "insert into settlement_balance select id, 0, 0, 0 from settlement_ledgeraccount where code = 'fx:USDT'",
]


def test_balance_cannot_be_written_by_hand(market: Market) -> None:
    for statement in BALANCES_BY_HAND:
        with refused(DENIED):
            sql(statement)


ENTRY = """
    insert into public.settlement_entry (journal_id, account_id, asset_id, layer, amount)
    select %s, id, asset_id, 'P', %s from settlement_ledgeraccount where code = %s
"""


def test_temporary_table_cannot_stand_in_for_the_entries(market: Market) -> None:
    with refused(UNBALANCED):
        sql("create temp table settlement_entry (like public.settlement_entry) on commit drop")
        sql(ENTRY, new_journal(), 5, "fx:USDT")


def test_temporary_table_cannot_stand_in_for_the_balances(market: Market) -> None:
    both = f"{ENTRY} union all select %s, id, asset_id, 'P', %s from settlement_ledgeraccount where code = %s"  # noqa: S608

    with refused("balance_floor"):
        sql("discard plans")  # or a plan made before would still know the real one
        sql("create temp table settlement_balance (like public.settlement_balance) on commit drop")
        sql("grant all on pg_temp.settlement_balance to public")
        journal = new_journal()
        sql(both, journal, 10**13, client_account(market), journal, -(10**13), "capital:USDT")


# --- nothing is rewritten --------------------------------------------------------------------


def test_runtime_role_cannot_rewrite_the_ledger(market: Market) -> None:
    for table in ("settlement_journal", "settlement_entry"):
        for verb in ("update {} set id = id", "delete from {}", "truncate {} cascade"):
            with refused(DENIED):
                sql(verb.format(table))


KEPT_TABLES = ["settlement_ledgeraccount", "settlement_asset", "settlement_wallet"]


def test_accounts_assets_and_wallets_stay(market: Market) -> None:
    for table in KEPT_TABLES:
        with refused(NEVER):
            sql(f"delete from {table}")  # noqa: S608


FROZEN = [
    ("settlement_ledgeraccount", "normal = 'D'"),
    ("settlement_ledgeraccount", "is_cached = not is_cached"),
    ("settlement_asset", "scale = 2"),
    ("settlement_wallet", "address = 'elsewhere'"),
    ("settlement_wallet", "account_id = account_id + 1"),
]


def test_what_an_account_is_never_changes(market: Market) -> None:
    for table, change in FROZEN:
        with refused("may only change"):
            sql(f"update {table} set {change}")  # noqa: S608


SWITCHING_OFF = [
    ("alter table settlement_entry disable trigger all", "must be owner"),
    ("alter table settlement_entry disable trigger balanced", "must be owner"),
    ("drop trigger balanced on settlement_entry", "must be owner"),
    ("alter table settlement_balance drop constraint balance_floor", "must be owner"),
    ("alter function settlement_journals_balance() set search_path = pg_temp", "must be owner"),
    ("drop table settlement_entry", "must be owner"),
    ("set session_replication_role = replica", DENIED),
    (f'set role "{settings.DATABASES["owner"]["USER"]}"', DENIED),
    ("create table public.anything (id int)", DENIED),
    ("create schema anything", DENIED),
]


def test_runtime_role_cannot_switch_a_rule_off(market: Market) -> None:
    for statement, because in SWITCHING_OFF:
        with refused(because):
            sql(statement)


# --- posting twice ---------------------------------------------------------------------------


def posting(legs: Sequence[Leg], key: str = "same", kind: str = "probe") -> Posting:
    return Posting(key, kind, "subject", tuple(legs))


def test_same_key_with_same_input_is_the_same_journal(market: Market) -> None:
    legs = ledger.pair_of("fx:USDT", "capital:USDT", 5)
    for lines in (legs, legs, legs[::-1]):  # the order of lines is nothing
        with transaction.atomic():
            ledger.post(posting(lines))

    assert Journal.objects.filter(key="same").count() == 1
    assert Entry.objects.filter(journal__key="same").count() == 2


@pytest.mark.parametrize(
    "other",
    [
        posting(ledger.pair_of("fx:USDT", "capital:USDT", 6)),
        posting(ledger.pair_of("capital:USDT", "fx:USDT", 5)),
        posting(ledger.pair_of("fx:USDT", "capital:USDT", 5, layer=HELD)),
        posting(ledger.pair_of("fx:USDT", "capital:USDT", 5), kind="other"),
    ],
    ids=["amount", "direction", "layer", "kind"],
)
def test_same_key_with_other_input_is_a_conflict(market: Market, other: Posting) -> None:
    with transaction.atomic():
        ledger.post(posting(ledger.pair_of("fx:USDT", "capital:USDT", 5)))

    with pytest.raises(JournalConflict), transaction.atomic():
        ledger.post(other)
    assert Journal.objects.filter(key="same").count() == 1


def test_posting_to_a_missing_account_is_refused_whole(market: Market) -> None:
    good = posting(ledger.pair_of("fx:USDT", "capital:USDT", 5), key="good")
    bad = posting(ledger.pair_of("fx:USDT", "nowhere:USDT", 5), key="bad")

    with pytest.raises(NoAccount), transaction.atomic():
        ledger.post(good, bad)
    assert not Journal.objects.filter(key__in=["good", "bad"]).exists()
