"""Withdrawals: held, approved by two, sent by bank or on chain, returned; and what the database refuses."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from settlement import operations, tasks
from settlement.ledger import InsufficientBalance
from settlement.models import BankAccount, Transfer, Withdrawal
from settlement.operations import Wish
from settlement.operations.deposits import NoReference, NotAnAmount, OtherDeposit
from settlement.operations.withdrawals import (
    BankReferenceTaken,
    ClientFrozen,
    CoolingOff,
    NoSuchDestination,
    NotByBank,
    OverLimit,
)
from settlement.own_acts.deposits import NotNow
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import REASON, Market
from tests.probes import refused, sql
from tests.settlement.books import books, events
from tests.settlement.taking_out import approved, ask, ask_usdt, by_hand, money, sent, signed, status
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.states import IllegalTransition
from users import acts
from users.capabilities import MissingCapability
from users.models import Counterparty, User
from users.own_acts.base import BadPayload
from users.policies import MeaninglessReason

TWO = "only by a request that two people carried"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="10000", usdt="10000")


@pytest.fixture
def bank(market: Market) -> BankAccount:
    return factories.account(market.client, label="Main")


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


# --- asked for -----------------------------------------------------------------------------------


def test_the_money_is_held_from_the_request_on(market: Market, bank: BankAccount) -> None:
    row, again = ask(market, key="one"), ask(market, key="one")

    assert (row, row.status, row.account, row.fee) == (again, "requested", bank, 0)
    assert money(market) == (10_000, 4_000)
    assert events("withdrawal.requested") == 1
    with pytest.raises(OtherDeposit):
        ask(market, "1", key="one")


def test_all_of_it_less_the_fee(market: Market, bank: BankAccount) -> None:
    factories.credit(market.client, "9999999.99")
    offer: Any = operations.work_out(wish=Wish("EUR", None, bank.ref), actor=market.tara, now=clock.now())
    assert (offer.amount, offer.fee, offer.remains) == (10_000, 0, 0)

    assert ask(market, "").amount == 10_000
    assert money(market) == (10_000, 10_000)


def test_what_is_refused(market: Market, bank: BankAccount) -> None:
    cases: list[tuple[type[Exception], tuple[str, ...]]] = [
        (InsufficientBalance, ("10000.01",)),
        (NotAnAmount, ("0",)),
        (NotAnAmount, ("-1",)),
        (NotAnAmount, ("0.001",)),
        (NotAnAmount, ("NaN",)),
        (NotAnAmount, ("1e30",)),
        (OverLimit, ("1000001",)),
        (NoSuchDestination, ("1", "EUR", "elsewhere")),
        (NoSuchDestination, ("1", "USDT", "main")),
        (NoSuchDestination, ("1", "EUR", market.address.ref)),
        (NoSuchDestination, ("1", "XXX", "main")),
    ]
    for error, arguments in cases:
        with pytest.raises(error):
            ask(market, *arguments)
    assert money(market) == (10_000, 0)
    assert not Withdrawal.objects.exists()


def test_a_credit_line_is_for_trading_not_for_taking_out(market: Market, bank: BankAccount) -> None:
    factories.credit(market.client, "9999999.99")
    with pytest.raises(InsufficientBalance):
        ask(market, "10000.01")


def test_destinations_that_cool_wait_or_are_ended_take_nothing(market: Market) -> None:
    cooling = factories.address(market.client, "cooling", cooling_hours=1)
    waiting = factories.asked_account(market.client)
    operations.end_address(ref=market.address.ref, actor=market.tara, reason="", now=clock.now())
    for currency, to in (("USDT", cooling.ref), ("EUR", waiting.ref), ("USDT", market.address.ref)):
        with pytest.raises(NoSuchDestination):
            ask(market, "1", currency, to)


def test_a_day_has_a_limit(market: Market, bank: BankAccount) -> None:
    factories.withdrawal_limits(largest="5000", daily="5000")
    first = ask(market)
    with pytest.raises(OverLimit):
        ask(market, "1000.01")
    operations.cancel_withdrawal(ref=first.ref, actor=market.tara, now=clock.now())
    assert ask(market, "5000").status == "requested"


def test_a_frozen_client_and_a_fresh_telegram_account_take_nothing_out(market: Market, bank: BankAccount) -> None:
    link = "insert into users_telegramlink (user_id, telegram_id, linked_at) values (%s, %s, now())"
    sql(link, market.tara.pk, 1)
    sql("update users_telegramlink set ended_at = now()")
    factories.carry("telegram.relink", market.tara.ref, telegram_id=2)
    with pytest.raises(CoolingOff):
        ask(market)
    with refused("MN21"):
        by_hand(market, bank)
    other = factories.user("trader", of=market.client)
    assert ask(market, by=other).status == "requested"
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())
    with pytest.raises(ClientFrozen):
        ask(market, by=other)


def test_who_may_not_ask(market: Market, bank: BankAccount, olga: User) -> None:
    for actor in (olga, market.leo, factories.user("auditor")):
        with pytest.raises(MissingCapability):
            ask(market, by=actor)
    with pytest.raises(NoSuchDestination):
        ask(market, by=factories.user("trader"))


def test_the_client_takes_it_back_until_it_is_approved(market: Market, bank: BankAccount) -> None:
    row = ask(market)
    with pytest.raises(NotFound):
        operations.cancel_withdrawal(ref=row.ref, actor=factories.user("trader"), now=clock.now())
    operations.cancel_withdrawal(ref=row.ref, actor=market.tara, now=clock.now())
    assert (status(row), money(market)) == ("cancelled", (10_000, 0))

    other = approved(ask(market))
    with pytest.raises(IllegalTransition):
        operations.cancel_withdrawal(ref=other.ref, actor=market.tara, now=clock.now())


# --- decided -------------------------------------------------------------------------------------


def test_two_people_approve_what_they_saw_in_full(market: Market, bank: BankAccount, olga: User) -> None:
    amir = factories.user("approver")
    row = ask(market)
    assert any("DE89 3704" in line.after for line in acts.act_of("withdrawal.approve").describe(row.ref, {}))
    assert acts.act_of("withdrawal.approve").checks(row.ref)

    request = factories.propose("withdrawal.approve", row.ref, by=olga, **signed(row))
    assert factories.decide(request, by=amir).status == "executed"

    assert (status(row), money(market)) == ("approved", (10_000, 4_000))
    assert events("withdrawal.approved") == 1


def test_details_that_do_not_name_it_are_refused(market: Market, bank: BankAccount) -> None:
    row = ask(market)
    for wrong in ({}, signed(row) | {"amount": "4000"}, signed(row) | {"destination": "BNK-OTHER1"}):
        with pytest.raises(BadPayload):
            factories.propose("withdrawal.approve", row.ref, **wrong)
    with pytest.raises(NotNow):
        factories.propose("withdrawal.return", row.ref, return_reference="BACK")
    operations.end_bank_account(ref=bank.ref, actor=market.tara, reason="", now=clock.now())
    with pytest.raises(NotNow):
        factories.propose("withdrawal.approve", row.ref, **signed(row))


def test_one_person_declines_with_a_reason_and_the_hold_goes(market: Market, bank: BankAccount) -> None:
    row, other = ask(market), approved(ask(market))
    amir = factories.user("approver")
    with pytest.raises(MeaninglessReason):
        operations.decline_withdrawal(ref=row.ref, reason="no", actor=amir, now=clock.now())
    with pytest.raises(MissingCapability):
        operations.decline_withdrawal(ref=row.ref, reason=REASON, actor=market.tara, now=clock.now())
    for one in (row, other):
        operations.decline_withdrawal(ref=one.ref, reason=REASON, actor=amir, now=clock.now())
        assert status(one) == "declined"
    assert money(market) == (10_000, 0)
    assert "settlement.fund_waiting" in jobs.names()


# --- by bank -------------------------------------------------------------------------------------


def test_sent_by_bank_then_confirmed(market: Market, bank: BankAccount, olga: User) -> None:
    row = sent(ask(market), olga)
    assert (status(row), money(market), books()["bank:EUR"]) == ("sent", (6_000, 0), 600_000)

    operations.record_confirmed(ref=row.ref, actor=olga, now=clock.now())
    assert (status(row), events("withdrawal.sent"), events("withdrawal.confirmed")) == ("confirmed", 1, 1)


def test_what_cannot_be_sent(market: Market, bank: BankAccount, olga: User) -> None:
    row, other, chain = ask(market), ask(market), ask_usdt(market)
    with pytest.raises(IllegalTransition):
        operations.record_sent(ref=row.ref, bank_reference="OUT-1", actor=olga, now=clock.now())
    sent(row, olga)
    with pytest.raises(BankReferenceTaken):
        sent(other, olga)
    with pytest.raises(IllegalTransition):
        operations.record_sent(ref=row.ref, bank_reference="OUT-2", actor=olga, now=clock.now())
    with pytest.raises(NoReference):
        operations.record_sent(ref=other.ref, bank_reference=" ", actor=olga, now=clock.now())
    with pytest.raises(NotByBank):
        operations.record_sent(ref=chain.ref, bank_reference="OUT-3", actor=olga, now=clock.now())
    with pytest.raises(NotByBank):
        operations.record_confirmed(ref=chain.ref, actor=olga, now=clock.now())
    for actor in (market.tara, factories.user("approver")):
        with pytest.raises(MissingCapability):
            operations.record_sent(ref=other.ref, bank_reference="OUT-4", actor=actor, now=clock.now())
    outside = factories.narrowed(factories.user("ops"))
    with pytest.raises(NotFound):
        operations.record_sent(ref=other.ref, bank_reference="OUT-4", actor=outside, now=clock.now())


def test_what_came_back_is_on_the_balance_again_by_two(market: Market, bank: BankAccount, olga: User) -> None:
    row = sent(ask(market), olga)

    factories.carry("withdrawal.return", row.ref, return_reference="BACK-1")

    assert (status(row), money(market), books()["bank:EUR"]) == ("returned", (10_000, 0), 1_000_000)
    with pytest.raises(NotNow):
        factories.propose("withdrawal.return", row.ref, return_reference="BACK-2")


# --- on chain ------------------------------------------------------------------------------------


def test_usdt_is_paid_on_chain_once_with_its_fee(market: Market, wallet: Any, run_money: Callable[..., None]) -> None:
    factories.withdrawal_limits(fee_simulated="1.5")
    row = ask_usdt(market)
    assert (row.fee, money(market, "USDT")) == (Decimal("1.5"), (10_000, Decimal("4001.5")))
    approved(row)

    run_money()

    assert (status(row), money(market, "USDT")) == ("confirmed", (Decimal("5998.5"), 0))
    transfer: Any = Transfer.objects.get()
    assert (transfer.withdrawal, transfer.amount_minor, transfer.status) == (row, 4_000_000_000, "final")
    assert books()["revenue:USDT"] == -1_500_000
    assert books(layer="H") == {}


def test_with_the_flag_off_it_waits_and_goes_on_by_itself(
    market: Market, wallet: Any, run_money: Callable[..., None]
) -> None:
    sql("update waffle_switch set active = false")
    row = approved(ask_usdt(market))
    run_money()
    assert (status(row), row.reason) == ("approved", "auto_settlement_off")
    operations.pay_out_waiting(now=clock.now())
    assert jobs.names(task_name="settlement.pay_out") == []

    factories.turn_flag_on()
    operations.pay_out_waiting(now=clock.now())
    run_money()

    assert status(row) == "confirmed"


def test_no_wallet_or_a_frozen_client_leaves_it_approved_with_the_reason(market: Market) -> None:
    row = approved(ask_usdt(market))
    sql("update settlement_wallet set paused_at = now()")
    operations.pay_out(withdrawal_id=row.pk, signer=tasks.sign, now=clock.now())
    assert (status(row), row.reason) == ("approved", "no_wallet")
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())
    operations.pay_out(withdrawal_id=row.pk, signer=tasks.sign, now=clock.now())
    assert (status(row), row.reason) == ("approved", "client_frozen")
    assert not Transfer.objects.exists()


# --- at once -------------------------------------------------------------------------------------


def test_many_at_once_never_take_more_than_there_is(market: Market, bank: BankAccount) -> None:
    def take() -> str:
        try:
            return str(ask(market, "3000").ref)
        except InsufficientBalance as refusal:
            return refusal.code

    answers = list(map(str, at_once([take] * 8)))

    assert answers.count("insufficient_balance") == 5
    assert money(market) == (10_000, 9_000)
