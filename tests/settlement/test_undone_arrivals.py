"""USDT that was booked and that its chain undid; what comes from the firm itself; and what the database refuses."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import operations, reconciliation, tasks, watching
from settlement.models import Balance, Deposit, SimulatedTransaction, Wallet
from settlement.own_acts.deposits import NotNow
from settlement.wallets import simulated
from tests import factories
from tests.api.money_programs import Person
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, books, events
from tests.settlement.conftest import MovingClock
from tests.settlement.test_arrivals import MINOR, arrived
from tests.settlement.test_undone import forget
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from users.own_acts.base import BadPayload

AMOUNT = f"{MINOR // 10**6}.000000"


@pytest.fixture
def market(db: None, time: MovingClock) -> Market:
    """A client without USDT; its wallet is watched."""
    time.stand_still()
    made = factories.market(usdt="0")
    tasks.watch(timestamp=0)
    time.advance(1)
    return made


def undone(deposit: Deposit) -> Deposit:
    """No block has it any more, and the desk saw that."""
    forget(deposit.tx_hash)
    watching.follow_arrivals(timestamp=0)
    deposit.refresh_from_db()
    assert (deposit.status, deposit.reason) == ("undone", "undone")
    return deposit


def details(deposit: Deposit, **more: str) -> dict[str, Any]:
    return {"amount": AMOUNT, "transaction": deposit.tx_hash, **more}


def balance(market: Market) -> int:
    return int(Balance.objects.get(account__code=f"client:{market.client.ref}:USDT").posted)


def assert_sound() -> None:
    assert [str(one) for one in reconciliation.reconcile().differences if one.halts] == []
    assert_books_are_right()


def test_undone_deposit_stops_its_chain_and_two_take_it_off(market: Market, time: MovingClock) -> None:
    other = Wallet.objects.exclude(pk=market.wallet.pk).filter(chain="simulated").count()
    deposit = undone(arrived(market, time))

    paused = Wallet.objects.filter(chain="simulated", pause_reason="deposit_undone").count()
    assert paused == other + 1
    assert (events("deposit.undone"), events("wallet.paused")) == (1, paused)
    assert balance(market) == MINOR  # until people have decided

    factories.carry("deposit.take_off", deposit.ref, **details(deposit, bearer="client"))

    deposit.refresh_from_db()
    assert (deposit.status, balance(market)) == ("taken_off", 0)
    chain.resume(market.wallet)
    assert_sound()
    with pytest.raises(NotNow):
        factories.carry("deposit.take_off", deposit.ref, **details(deposit, bearer="client"))


def test_what_the_client_has_used_is_borne_by_the_firm(market: Market, time: MovingClock) -> None:
    deposit = arrived(market, time)
    wish = operations.Wish("USDT", Decimal(1), market.address.ref)
    operations.request_withdrawal(wish=wish, actor=market.tara, key="one", now=clock.now())
    undone(deposit)

    request = factories.propose("deposit.take_off", deposit.ref, **details(deposit, bearer="client"))
    tried = factories.decide(request)
    assert (tried.status, "does not cover it any more" in tried.outcome) == ("failed", True)
    capital = books()["capital:USDT"]
    factories.carry("deposit.take_off", deposit.ref, **details(deposit, bearer="firm"))

    assert (balance(market), books()["capital:USDT"]) == (MINOR, capital + MINOR)
    assert (events("deposit.written_off"), events("deposit.taken_off")) == (1, 0)


@pytest.mark.parametrize("sender", ["", "nobody-at-all"])
def test_undone_deposit_that_is_there_again_is_as_it_was(market: Market, time: MovingClock, sender: str) -> None:
    deposit = arrived(market, time, sender=sender)
    was, before = deposit.status, books()
    row = SimulatedTransaction.objects.get(tx_hash=deposit.tx_hash)
    undone(deposit)

    row.accepted_at = clock.now()
    row.save(force_insert=True)
    time.advance(700)
    watching.follow_arrivals(timestamp=0)

    deposit.refresh_from_db()
    assert (deposit.status, deposit.reason) == (was, "back_again")
    assert books() == before
    assert events("deposit.back") == 1
    assert_sound()


def test_what_is_there_is_looked_at_in_turn_and_for_a_day(market: Market, time: MovingClock) -> None:
    deposit = arrived(market, time)
    watching.follow_arrivals(timestamp=0)
    deposit.refresh_from_db()
    seen_at = deposit.looked_at
    assert (deposit.status, seen_at is not None) == ("credited", True)

    forget(deposit.tx_hash)
    watching.follow_arrivals(timestamp=0)  # it was looked at less than ten minutes ago
    deposit.refresh_from_db()
    assert (deposit.status, deposit.looked_at) == ("credited", seen_at)

    time.advance(24 * 3600 + 1)
    watching.follow_arrivals(timestamp=0)  # older than a day: the comparison of balances finds it
    deposit.refresh_from_db()
    assert deposit.status == "credited"


def test_top_up_of_the_firm_leaves_suspense_as_its_own(market: Market, time: MovingClock) -> None:
    deposit = arrived(market, time, sender="the-firms-treasury")
    before = books()

    factories.carry("deposit.take_own", deposit.ref, **details(deposit, evidence="treasury order 17"))

    deposit.refresh_from_db()
    after = books()
    assert (deposit.status, deposit.reason) == ("left_out", "own_funds")
    assert after["capital:USDT"] == before["capital:USDT"] - MINOR
    assert ("suspense:USDT" in after, after[market.wallet.account.code]) == (False, before[market.wallet.account.code])
    assert_sound()


@pytest.mark.parametrize(
    "wrong", [{"evidence": " "}, {"amount": "1.000000"}, {"transaction": "0x1"}, {"bearer": "firm"}]
)
def test_details_of_the_firms_own_are_the_chains(market: Market, time: MovingClock, wrong: dict[str, str]) -> None:
    deposit = arrived(market, time, sender="the-firms-treasury")

    with pytest.raises(BadPayload):
        factories.propose("deposit.take_own", deposit.ref, **details(deposit, evidence="treasury order 17") | wrong)


def test_client_sees_how_far_its_deposit_is(market: Market, time: MovingClock) -> None:
    time.advance(-1)  # whoever reads a token knows the real time alone
    tara = Person(market.tara)
    time.advance(1)
    operations.begin_watch(wallet_id=market.wallet.pk, height=0, now=clock.now())
    simulated.send(sender=market.address.address, to_address=market.wallet.address, amount_minor=MINOR, now=clock.now())
    simulated.send(sender="nobody", to_address=market.wallet.address, amount_minor=MINOR, now=clock.now())
    time.advance(2)
    tasks.watch(timestamp=0)

    (seen,) = tara.get("deposits").json()["items"]
    assert (seen["status"], seen["confirmations"]) == ("seen", {"seen": 2, "needed": 3})


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def test_nobody_takes_it_off_or_as_own_alone(market: Market, time: MovingClock) -> None:
    suspended = arrived(market, time, sender="the-firms-treasury")
    own = "update settlement_deposit set status = 'left_out', reason = 'own_funds' where id = %s"
    with refused("MN42"):
        sql(own, suspended.pk)
    request = factories.propose("deposit.take_own", suspended.ref, **details(suspended, evidence="order 17"))
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    with refused("MN13|MN39"):
        execute_by_hand(request, factories.founders()[1])
        sql(own, suspended.pk)

    deposit = undone(arrived(market, time))
    off = "update settlement_deposit set status = 'taken_off' where id = %s"
    with refused("MN42"):
        sql(off, deposit.pk)
    with refused("MN42"):
        sql("update settlement_deposit set status = 'suspense' where id = %s", deposit.pk)
    request = factories.propose("deposit.take_off", deposit.ref, **details(deposit, bearer="client"))
    with refused("MN13"):
        execute_by_hand(request, factories.founders()[1])
        sql(off, deposit.pk)
