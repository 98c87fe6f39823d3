"""Chains and books are compared all the time: payments on their way alarm nobody, all else stops payouts."""

from datetime import timedelta
from typing import Any

import pytest

from settlement import autosettle, operations, pauses, tasks, wallets
from settlement.models import DatabaseHome, Outflow, Reconciliation, Transfer, Wallet
from settlement.operations.pausing import WalletPaused
from settlement.own_acts.wallets import Differs, NonceDiffers, NotPaused, NotReconciled
from settlement.reconciliation import rounds
from settlement.reconciliation.differences import Difference
from tests import factories, jobs
from tests.factories import REASON, Market
from tests.probes import refused, sql
from tests.settlement import chain
from tests.settlement.books import events
from tests.settlement.conftest import MovingClock
from tests.settlement.test_reconcile import plant
from trading.lib import clock
from users.capabilities import MissingCapability
from users.models import AuditEvent
from users.policies import MeaninglessReason

RESUME = "wallet.resume"


@pytest.fixture
def market(db: None, time: MovingClock) -> Market:
    made = factories.market()
    time.advance(5)  # its money is on the chain by then
    return made


def compare(times: int = 1) -> list[str]:
    """What differs, after so many rounds."""
    for _ in range(times):
        outcome = rounds.look_at_chains()
        operations.record_reconciliation(outcome=outcome, now=clock.now())
    return [f"{one.check} {one.what}" for one in outcome.differences]


def hot(market: Market) -> Wallet:
    return Wallet.objects.get(pk=market.wallet.pk)


def why(market: Market) -> str:
    """Why it is paused; "" when it is not."""
    return hot(market).pause_reason


def stolen(market: Market, *, nonce: int = 0, minor: int = 1) -> str:
    return chain.transaction(market.wallet, "a-thief", minor, nonce=nonce, seconds_ago=0)


# --- no false alarm --------------------------------------------------------------------------


def test_payments_on_their_way_are_no_difference(market: Market, time: MovingClock) -> None:
    """Compared after every step of four payments that overlap: signed, sent, in a block, final."""
    assert compare() == []
    for number in range(4):
        settlement = factories.fill(market, to=market.address).settlement
        tasks.pay(settlement_id=settlement.pk)
        assert compare() == []
        for transfer in Transfer.objects.exclude(status="final").order_by("pk"):
            if transfer.status == "signed":
                tasks.broadcast(transfer_id=transfer.pk)
                assert compare() == []
            time.advance(1)
            assert compare() == []
            tasks.track(wallet_id=transfer.wallet_id)
            assert compare() == []
        assert hot(market).next_nonce == number + 1
    time.advance(5)
    for transfer in Transfer.objects.exclude(status="final"):
        tasks.track(wallet_id=transfer.wallet_id)
    assert set(Transfer.objects.values_list("status", flat=True)) == {"final"}
    assert compare(2) == []
    assert Outflow.objects.count() == 4
    assert (why(market), events("reconciliation.differed")) == ("", 0)
    assert not Reconciliation.objects.exclude(differences=[]).exists()


def test_money_that_nobody_booked_is_told_and_stops_nothing(market: Market, time: MovingClock) -> None:
    """Else anybody who sends a cent would stop the desk."""
    assert compare() == []
    chain.transaction(Wallet(address="a-stranger"), market.wallet.address, 7, seconds_ago=0)
    time.advance(5)

    assert compare(2) == ["incoming was sent 0.000007 USDT that nobody has booked"]
    assert (why(market), events("reconciliation.differed")) == ("", 1)


# --- what stops payouts ----------------------------------------------------------------------


def test_wallet_that_somebody_else_pays_from_is_paused_and_told_once(market: Market, time: MovingClock) -> None:
    compare()
    time.advance(60)
    stolen(market)
    time.advance(5)

    found = compare(3)
    assert {one.partition(" ")[0] for one in found} == {"wallet", "nonce", "outgoing"}
    assert why(market) == pauses.DIFFERENCE
    assert (events("wallet.paused"), events("reconciliation.differed")) == (1, 1)
    told = AuditEvent.objects.get(name="reconciliation.differed").after
    assert (told["count"], told["wallets"]) == (3, [market.wallet.name])

    stolen(market, nonce=1, minor=2)
    time.advance(5)
    assert len(compare(3)) == 4
    assert events("reconciliation.differed") == 2  # it changed
    factories.fill(market, to=market.address)
    jobs.run_all(queues=["money"])
    assert Transfer.objects.count() == 0


def test_transfer_nobody_signed_is_named_until_people_explain_it(market: Market, time: MovingClock) -> None:
    time.advance(100)
    compare()
    time.advance(100)
    tx_hash = stolen(market)
    time.advance(5)
    found = compare()
    assert f"outgoing paid 0.000001 USDT to a-thief by {tx_hash}, which the desk did not sign" in found

    with pytest.raises(Differs, match="less on its chain"):
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=1)
    sql("update settlement_wallet set pause_reason = pause_reason")  # no change at all is none
    chain.explain(market.wallet, tx_hash)
    assert compare() == ["nonce has 1 transactions on its chain, and 0 in the books"]
    with pytest.raises(NonceDiffers):
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=0)
    factories.carry(RESUME, market.wallet.name, next_nonce=1)

    opened = hot(market)
    assert (opened.paused_at, opened.pause_reason, opened.next_nonce) == (None, "", 1)
    assert (compare(), events("wallet.resumed"), events("reconciliation.agreed")) == ([], 1, 1)
    settlement = factories.fill(market, to=market.address).settlement
    tasks.pay(settlement_id=settlement.pk)
    assert Transfer.objects.get().nonce == 1


def test_payment_that_the_chain_does_not_have_is_a_difference(market: Market, time: MovingClock, owner: Any) -> None:
    compare()
    settlement = factories.fill(market, to=market.address).settlement
    tasks.pay(settlement_id=settlement.pk)
    transfer = Transfer.objects.get()
    tasks.broadcast(transfer_id=transfer.pk)
    time.advance(5)
    tasks.track(wallet_id=transfer.wallet_id)
    assert Transfer.objects.get().status == "final"
    table = "settlement_simulatedtransaction"
    plant(owner, table, f"delete from {table} where sender = %s", market.wallet.address)  # noqa: S608 - a name of ours
    time.advance(5)

    found = compare()
    assert f"outgoing did not pay {transfer.ref} on its chain, which is final in the books" in found
    assert why(market) == pauses.DIFFERENCE


def test_difference_in_the_books_halts_all_transfers_once(market: Market, owner: Any) -> None:
    assert rounds.compare_books().differences == []
    assert not autosettle.is_set(autosettle.HALT)
    cache = "update settlement_balance set posted = posted + 1 where account_id = %s"
    plant(owner, "settlement_balance", cache, market.wallet.account_id)

    assert [one.check for one in rounds.compare_books().differences] == ["cache"]
    assert autosettle.is_set(autosettle.HALT)
    halted = AuditEvent.objects.get(name="transfers.halted")
    assert (halted.actor, halted.after["found_by"]) == (None, Reconciliation.objects.latest("pk").ref)

    factories.carry("transfers.resume", autosettle.HALT)
    rounds.compare_books()
    assert not autosettle.is_set(autosettle.HALT)  # two people know it
    plant(owner, "settlement_journal", EMPTY)
    rounds.compare_books()
    assert autosettle.is_set(autosettle.HALT)
    assert events("reconciliation.differed") == 2


EMPTY = "insert into settlement_journal (key, kind, subject, input_hash) values ('empty', 'empty', 'nobody', '')"


def test_what_cannot_be_looked_at_is_told_after_five_rounds_and_stops_nothing(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(wallets.PORTS, "simulated")
    for number in range(1, 8):
        assert compare() == []
        assert events("reconciliation.blind") == (number >= 5)
    assert why(market) == ""


# --- stopping and going on -------------------------------------------------------------------


def test_one_person_pauses_at_once_and_two_open(market: Market) -> None:
    olga, auditor = factories.user("ops"), factories.user("auditor")

    def pause(who: Any = olga, reason: str = REASON) -> None:
        operations.pause_wallet_by_hand(name=market.wallet.name, actor=who, reason=reason, now=clock.now())

    with pytest.raises(MissingCapability):
        pause(auditor)
    with pytest.raises(MeaninglessReason):
        pause(reason="because")
    pause()
    with pytest.raises(WalletPaused):
        pause()
    assert (why(market), hot(market).paused_by) == (REASON, olga)
    settlement = factories.fill(market, to=market.address).settlement
    tasks.pay(settlement_id=settlement.pk)
    settlement.refresh_from_db()
    assert (settlement.status, settlement.reason) == ("blocked", "no_wallet")

    with pytest.raises(NotReconciled):
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=0)
    compare()
    factories.carry(RESUME, market.wallet.name, next_nonce=0)
    with pytest.raises(NotPaused):
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=0)
    tasks.resume_blocked(timestamp=0)
    jobs.run_all(queues=["money"])
    assert Transfer.objects.count() == 1


def test_old_reconciliation_is_no_proof(market: Market, time: MovingClock) -> None:
    operations.pause_wallet(wallet_id=market.wallet.pk, reason=pauses.UNKNOWN, now=clock.now())
    compare()
    time.advance(timedelta(minutes=11).total_seconds())
    with pytest.raises(NotReconciled):
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=0)


def test_paused_wallet_stays_paused_whoever_asks_the_database(market: Market) -> None:
    operations.pause_wallet(wallet_id=market.wallet.pk, reason=pauses.NONCE_MOVED, now=clock.now())
    for change in (
        "paused_at = null, pause_reason = ''",
        "paused_at = now()",
        "pause_reason = 'all is well'",
        "paused_at = null, pause_reason = '', next_nonce = next_nonce + 1",
    ):
        with refused("ST14"):
            sql(f"update settlement_wallet set {change}")  # noqa: S608
    with refused("ST15"):
        sql("update settlement_wallet set next_nonce = next_nonce + 1")


def test_nonces_go_forward_one_by_one(market: Market) -> None:
    for change in ("next_nonce + 2", "next_nonce + 100"):
        with refused("ST15"):
            sql(f"update settlement_wallet set next_nonce = {change}")  # noqa: S608
    sql("update settlement_wallet set next_nonce = next_nonce + 1")
    with refused("ST15"):
        sql("update settlement_wallet set next_nonce = 0")


def test_wallet_paused_by_the_release_before_says_that_the_reason_is_unknown(market: Market) -> None:
    sql("update settlement_wallet set paused_at = now()")
    assert why(market) == pauses.UNKNOWN


def test_what_was_read_of_a_chain_stays_read(market: Market) -> None:
    compare()
    with refused("ST16"):
        sql("update settlement_chainreading set last = last - 1")
    with refused("may only change"):
        sql("update settlement_chainreading set first = 0")
    with refused("never changed or removed|permission denied"):
        sql("delete from settlement_chainreading")


# --- a database that comes back --------------------------------------------------------------


@pytest.mark.parametrize("how", ["noticed", "declared"])
def test_restored_database_pauses_every_wallet_until_all_is_compared(market: Market, how: str) -> None:
    rounds.guard_start()
    assert why(market) == ""
    compare()
    rounds.compare_books()
    if how == "noticed":
        DatabaseHome.objects.create(identity="where it was", seen_at=clock.now())
        rounds.guard_start()
    else:
        operations.declare_restored(reason="a drill", now=clock.now())
    rounds.guard_start()
    assert (why(market), events("database.restored")) == (pauses.RESTORED, 1)

    with pytest.raises(NotReconciled):
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=0)
    compare()
    with pytest.raises(NotReconciled):  # the books, too
        factories.propose(RESUME, market.wallet.name, by=None, next_nonce=0)
    rounds.compare_books()
    factories.carry(RESUME, market.wallet.name, next_nonce=0)


def test_wallet_that_its_chain_is_ahead_of_is_paused_before_any_work(market: Market) -> None:
    stolen(market)
    rounds.guard_start()
    assert why(market) == pauses.NONCE_MOVED


def test_differences_say_what_they_are_about() -> None:
    one = Difference("nonce", "hot", "differs", wallet="hot")
    assert str(one) == "nonce: hot differs"
    assert (one.halts, Difference("incoming", "hot", "").halts) == (True, False)
