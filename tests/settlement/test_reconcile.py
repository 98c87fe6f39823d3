"""`manage.py reconcile`: a day's work agrees, and whatever is planted with the owner's rights is found."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from settlement import ledger, operations, reconciliation, tasks, wallets
from settlement.ledger import Posting
from settlement.models import Deposit, Settlement, SimulatedTransaction, Transfer, Withdrawal
from settlement.operations import Receipt, Wish
from settlement.wallets import simulated
from settlement.wallets.base import Unreachable
from tests import factories
from tests.factories import REASON, Market
from tests.probes import refused
from tests.settlement.conftest import MovingClock
from trading.lib import clock

type RunMoney = Callable[..., None]


@dataclass
class Day:
    """What the desk did: one of everything that moves money."""

    market: Market
    paid: Settlement
    sold: Settlement
    waiting: Settlement
    cancelled: Settlement
    sent: Withdrawal
    paid_out: Withdrawal
    asked: Withdrawal
    deposit: Deposit
    unknown: Deposit


@pytest.fixture
def day(db: None, run_money: RunMoney) -> Day:
    market = factories.market(eur="100000", usdt="100000")
    olga = factories.user("ops")
    paid, sold = factories.fill(market).settlement, factories.fill(market, side="sell").settlement
    account = factories.account(market.client)
    sent, paid_out = ask(market, "EUR", account.ref), ask(market, "USDT", market.address.ref)
    for row, to in ((sent, account.ref), (paid_out, market.address.ref)):
        amount = f"{row.amount:.{row.asset.scale}f}"
        factories.carry("withdrawal.approve", row.ref, amount=amount, currency=row.asset_id, destination=to)
    operations.record_sent(ref=sent.ref, bank_reference="OUT-1", actor=olga, now=clock.now())
    run_money()
    cancelled = factories.fill(market).settlement
    factories.carry("settlement.cancel", cancelled.ref)
    waiting = factories.fill(market).settlement
    receipts = (Receipt("EUR", Decimal(500), "IN-1", client=market.client.ref), Receipt("EUR", Decimal(70), "IN-2"))
    known, unknown = (
        operations.record_deposit(receipt=receipt, actor=olga, key=receipt.bank_reference, now=clock.now())
        for receipt in receipts
    )
    asked, declined = ask(market, "EUR", account.ref), ask(market, "EUR", account.ref)
    operations.decline_withdrawal(ref=declined.ref, reason=REASON, actor=olga, now=clock.now())
    return Day(market, paid, sold, waiting, cancelled, sent, paid_out, asked, known, unknown)


def ask(market: Market, currency: str, to: str) -> Withdrawal:
    wish = Wish(currency, Decimal(1000), to)
    return operations.request_withdrawal(wish=wish, actor=market.tara, key=factories.unique("w"), now=clock.now())


def found() -> set[tuple[str, str]]:
    """Which check says so of what."""
    return {(one.check, one.ref) for one in reconciliation.reconcile().differences}


class Watch:
    """What differs since one looked last: plants stay where they were put."""

    def __init__(self) -> None:
        self.known = found()
        assert self.known == set()

    def new(self) -> set[tuple[str, str]]:
        """What was not found before."""
        now = found()
        new, self.known = now - self.known, now
        return new


def plant(owner: Any, table: str, statement: str, *values: object) -> None:
    """Do what no rule allows: as the owner of the table, with its triggers off."""
    owner.execute(f"alter table {table} disable trigger user")
    owner.execute(statement, values)
    owner.execute(f"alter table {table} enable trigger user")


ENTRY = """
insert into settlement_entry (journal_id, account_id, asset_id, layer, amount)
select journal.id, account.id, coalesce(%s, account.asset_id), %s, %s
from settlement_journal as journal, settlement_ledgeraccount as account where journal.key = %s and account.code = %s
"""


OF = "where account_id = (select id from settlement_ledgeraccount where code = %s)"


def add(owner: Any, key: str, account: str, minor: int, *, layer: str = "P", asset: str | None = None) -> None:
    plant(owner, "settlement_entry", ENTRY, asset, layer, minor, key, account)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr("settlement.reconciliation.chain.PAUSE_SECONDS", 0)


# --- what agrees -----------------------------------------------------------------------------


def test_a_days_work_agrees_and_more_of_it_costs_no_more_statements(
    day: Day, run_money: RunMoney, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (day.paid, day.sold, day.waiting, day.cancelled, day.sent, day.paid_out, day.unknown)
    for row in rows:
        row.refresh_from_db()
    assert " ".join(row.status for row in rows) == "settled settled approved cancelled sent confirmed suspense"

    call_command("reconcile")
    assert capsys.readouterr().out.startswith("Everything agrees: ")
    call_command("reconcile", "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["differences"], said["wallets"]) == (True, [], 1)
    assert said["entries"] > said["journals"] > 15

    before = queries()
    for _ in range(3):
        factories.fill(day.market)
    run_money()
    assert queries() == before


def queries() -> int:
    with CaptureQueriesContext(connection) as seen:
        assert reconciliation.reconcile().exit_code == 0
    return len(seen)


def test_an_empty_desk_agrees(db: None) -> None:
    assert reconciliation.reconcile().exit_code == 0


def test_it_cannot_write(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> list[reconciliation.Difference]:
        Settlement.objects.update(reason="written")
        return []

    monkeypatch.setattr(reconciliation, "differences", write)
    with pytest.raises(DatabaseError, match="read-only transaction"):
        reconciliation.reconcile()
    with pytest.raises(CommandError, match="read-only") as error:
        call_command("reconcile")
    assert error.value.returncode == 20
    with refused("must be owner"), connection.cursor() as cursor:
        cursor.execute("alter table settlement_entry disable trigger user")


# --- what is planted -------------------------------------------------------------------------


def test_what_is_wrong_in_the_books_is_found(day: Day, owner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    euros, usdt = (f"client:{day.market.client.ref}:{code}" for code in ("EUR", "USDT"))
    paid, sold = f"delivery:{day.paid.ref}", f"delivery:{day.sold.ref}"
    watch = Watch()

    # An entry nobody balances; then one elsewhere that makes up for it in the asset's total.
    add(owner, paid, "rounding:EUR", 5)
    assert watch.new() == {("journal", paid), ("asset", "EUR")}
    add(owner, sold, "rounding:EUR", -5)
    assert watch.new() == {("journal", sold)}
    assert ("asset", "EUR") not in watch.known

    # A journal without entries.
    empty = "insert into settlement_journal (key, kind, subject, input_hash) values ('empty', 'empty', 'nobody', '')"
    plant(owner, "settlement_journal", empty)
    assert watch.new() == {("journal", "empty")}

    # A hold let go too early, by a posting that keeps all the rules.
    with transaction.atomic():
        ledger.post(Posting("early", "early", "nobody", ledger.hold(euros, day.market.eur.unit, -100)))
    assert watch.new() == {("holds", euros)}

    # A cache that does not follow its entries.
    plant(owner, "settlement_balance", f"update settlement_balance set posted = posted + 7 {OF}", euros)  # noqa: S608
    assert watch.new() == {("cache", euros)}

    # More spent than there was.
    add(owner, "empty", usdt, 10**12)
    add(owner, "empty", "capital:USDT", -(10**12))
    assert watch.new() == {("cache", usdt), ("floor", usdt)}

    # No cache at all; and all of it is printed.
    plant(owner, "settlement_balance", f"delete from settlement_balance {OF}", usdt)  # noqa: S608
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile")
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert f"cache: {usdt} keeps no balance" in said
    assert f"cache: {euros} the cache says" in said
    assert f"{len(watch.known)} differences in " in said
    with pytest.raises(SystemExit):
        call_command("reconcile", "--json")
    printed = json.loads(capsys.readouterr().out)["differences"]
    what = "does not balance: 0.05 EUR posted too much"
    assert {"check": "journal", "ref": paid, "what": what, "wallet": "", "halts": True} in printed


def test_an_entry_in_another_asset_is_found(day: Day, owner: Any) -> None:
    owner.execute("alter table settlement_entry drop constraint entry_account_asset")
    try:
        add(owner, f"delivery:{day.paid.ref}", "fx:EUR", 5, asset="USDT")
        assert ("journal", "fx:EUR") in found()
    finally:
        last = "delete from settlement_entry where id = (select max(id) from settlement_entry)"
        plant(owner, "settlement_entry", last)
        owner.execute(
            "alter table settlement_entry add constraint entry_account_asset"
            " foreign key (account_id, asset_id) references settlement_ledgeraccount (id, asset_id)"
        )


def test_what_does_not_fit_the_journals_is_found(day: Day, owner: Any) -> None:
    euros, hot = f"client:{day.market.client.ref}:EUR", day.market.wallet.account.code
    tasks.pay(day.waiting.pk)
    signed = Transfer.objects.get(settlement=day.waiting)
    paid = Transfer.objects.get(withdrawal=day.paid_out)
    watch = Watch()

    def changed(table: str, change: str, ref: str) -> set[tuple[str, str]]:
        plant(owner, table, f"update {table} set {change} where ref = %s", ref)  # noqa: S608
        return watch.new()

    settlement, transfer = "settlement_settlement", "settlement_transfer"
    assert changed(transfer, "amount_minor = amount_minor + 1", paid.ref) == {("transfer", paid.ref)}
    final = changed(transfer, "status = 'final', final_at = now()", signed.ref)
    assert final == {("transfer", signed.ref), ("holds", hot)}
    settled = changed(settlement, "status = 'settled', settled_at = now()", day.waiting.ref)
    assert settled == {("lacking", day.waiting.ref), ("terms", day.waiting.ref), ("holds", euros)}
    agreed = changed(settlement, "lp_quote_amount = lp_quote_amount - 1", day.paid.ref)
    assert agreed == {("terms", day.paid.ref)}
    cancelled = changed(settlement, "status = 'cancelled', settled_at = null", day.sold.ref)
    assert cancelled == {(check, day.sold.ref) for check in ("unexplained", "lacking", "terms")}
    called_off = changed("settlement_withdrawal", "status = 'cancelled', reason = 'X'", day.asked.ref)
    assert called_off == {("lacking", day.asked.ref)}
    returned = changed("settlement_deposit", "status = 'returned', return_reference = 'BACK'", day.deposit.ref)
    assert returned == {("lacking", day.deposit.ref)}


# --- the chain -------------------------------------------------------------------------------


def test_money_that_left_the_wallet_without_the_desk_is_found(
    day: Day, time: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = day.market.wallet
    tasks.pay(day.waiting.pk)
    tasks.broadcast(Transfer.objects.get(settlement=day.waiting).pk)
    assert found() == set()
    time.advance(2)  # a block has it; the ledger has not heard
    assert found() == set()

    SimulatedTransaction.objects.create(
        tx_hash="0xstolen", sender=wallet.address, nonce=4, to_address="thief", amount_minor=5, accepted_at=clock.now()
    )
    assert {check for check, _ref in found()} <= {"nonce"}  # no block has it yet
    time.advance(2)
    assert ("wallet", wallet.name) in found()
    (missing,) = (one for one in reconciliation.reconcile().differences if one.check == "wallet")
    assert missing.what == "has 0.000005 USDT less on its chain than in the books"

    def nobody_answers(_port: object) -> int:
        raise Unreachable

    monkeypatch.setattr(simulated.SimulatedWallet, "standing", nobody_answers)
    assert "does not answer" in reconciliation.reconcile().differences[0].what
    monkeypatch.delitem(wallets.PORTS, "simulated")
    assert "nothing here speaks for" in reconciliation.reconcile().differences[0].what
