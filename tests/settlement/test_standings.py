"""What pages read in place of all entries: the days that were added up, and what is not in them yet."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection

from settlement import operations, reconciliation, standings, trial_balance
from settlement.models import DaySum, Entry, FoldMark, LedgerAccount
from settlement.standings import Standing
from tests import factories
from tests.concurrency.threads import PATIENCE
from tests.factories import Market
from trading.lib import clock

POST = """
select settlement_post(jsonb_build_array(jsonb_build_object(
    'key', 'test:1', 'kind', 'capital', 'subject', '', 'input_hash', repeat('0', 64), 'reverses', null, 'entries',
    jsonb_build_array(
        jsonb_build_object('account', 'bank:EUR', 'layer', 'P', 'amount', 500),
        jsonb_build_object('account', 'capital:EUR', 'layer', 'P', 'amount', -500)
    )
)))
"""


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@contextmanager
def somebody_else() -> Iterator[psycopg.Connection]:
    """A transaction of another program, which ends with the block."""
    with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}) as session:
        yield session


def fold() -> None:
    """As far as it goes: what is there now is noted by the first, and added up by the next."""
    for _ in range(3):
        operations.fold_entries()


def fold_all() -> None:
    """Until nothing is left. It waits for transactions anywhere on the server, those of other tests among them."""
    limit = time.monotonic() + PATIENCE
    while not FoldMark.objects.filter(upto=Entry.objects.latest("pk").pk).exists():
        assert time.monotonic() < limit, "it was never added up"
        fold()


def summed() -> dict[int, Standing]:
    """All entries, one by one."""
    found: dict[int, Standing] = {}
    for entry in Entry.objects.all():
        old = found.get(entry.account_id, Standing())
        posted, held = (entry.amount if entry.layer == layer else Decimal(0) for layer in ("P", "H"))
        found[entry.account_id] = Standing(old.posted + posted, old.held + held)
    return found


def of_euros(sums: dict[int, Standing]) -> list[Standing]:
    return [sums[pk] for pk in LedgerAccount.objects.filter(asset="EUR").values_list("pk", flat=True) if pk in sums]


def everybody() -> list[int]:
    return list(LedgerAccount.objects.values_list("pk", flat=True))


def test_the_same_is_read_before_and_after_folding(market: Market) -> None:
    factories.fill(market)
    assert standings.of_accounts(everybody()) == summed()

    fold_all()
    assert standings.of_accounts(everybody()) == summed()

    factories.fill(market)  # some are in the days, some are not
    assert standings.of_accounts(everybody()) == summed()


def test_what_is_not_committed_yet_is_waited_for(market: Market) -> None:
    bank = LedgerAccount.objects.get(code="bank:EUR").pk
    fold_all()
    with somebody_else() as other:
        other.execute(POST)
        factories.deposit(market.client, market.eur, "77")  # its entries have higher ids, and are there already
        fold()
        assert FoldMark.objects.get().upto < Entry.objects.latest("pk").pk
        other.commit()
    seen = standings.of_accounts([bank])
    fold_all()

    assert standings.of_accounts([bank]) == seen == {bank: summed()[bank]}


def test_goes_on_after_the_database_came_back_from_another_server(market: Market, owner: Any) -> None:
    fold_all()
    owner.execute("update settlement_foldmark set noted_id = noted_id + 1000, noted_xid = '999999999999'")
    factories.fill(market)

    fold_all()

    assert standings.of_accounts(everybody()) == summed()


@pytest.mark.parametrize("is_folded", [False, True])
def test_an_instant_of_the_past_has_what_was_entered_until_then(market: Market, owner: Any, *, is_folded: bool) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    days_ago = {"77": noon - timedelta(days=1), "5": noon, "3": noon + timedelta(hours=6)}
    before = summed()
    for amount, at in days_ago.items():
        factories.deposit(market.client, market.eur, amount)
        owner.execute("alter table settlement_journal disable trigger user")
        owner.execute(
            "update settlement_journal set created_at = %s where id = (select max(id) from settlement_journal)", [at]
        )
        owner.execute("alter table settlement_journal enable trigger user")
    if is_folded:
        fold_all()
    bank = LedgerAccount.objects.get(code="bank:EUR").pk

    def deposited(instant: datetime) -> Decimal:
        return standings.of_accounts_before([bank], instant).get(bank, Standing()).posted

    assert deposited(noon - timedelta(days=2)) == 0
    assert deposited(noon) == 7700
    assert deposited(noon + timedelta(microseconds=1)) == 8200
    assert deposited(noon + timedelta(hours=6)) == 8200  # read from the day's end
    assert deposited(noon + timedelta(hours=6, microseconds=1)) == 8500
    assert deposited(noon + timedelta(hours=12)) == 8500
    assert deposited(clock.now() + timedelta(minutes=1)) == before[bank].posted + 8500
    (at_noon,) = [row for row in trial_balance.as_of(noon, now=clock.now()) if row.unit.code == "EUR"]
    assert at_noon.total.debit == 82
    assert at_noon.is_zero
    now = clock.now()
    (at_last,) = [row for row in trial_balance.as_of(now, now=now) if row.unit.code == "EUR"]
    assert at_last.total.debit * 100 == sum(max(one.posted, Decimal(0)) for one in of_euros(summed()))


def test_days_that_somebody_changed_are_found_by_comparing(market: Market, owner: Any) -> None:
    factories.fill(market)
    fold_all()
    assert [str(one) for one in reconciliation.reconcile().differences] == []

    fx = LedgerAccount.objects.get(code="fx:EUR").pk
    owner.execute("update settlement_daysum set amount = amount + 1 where account_id = %s", [fx])

    (found,) = reconciliation.reconcile().differences
    assert "fx:EUR" in str(found)
    assert "the days say" in str(found)


def test_the_desk_itself_cannot_write_them(market: Market) -> None:
    fold_all()
    for attempt in (
        lambda: DaySum.objects.update(amount=0),
        lambda: FoldMark.objects.update(upto=0),
        lambda: DaySum.objects.all().delete(),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            attempt()
