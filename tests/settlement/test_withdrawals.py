"""Withdrawals: held, approved by two, sent by bank or on chain, returned; and what the database refuses."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from settlement import ledger, operations, tasks
from settlement.ledger import InsufficientBalance
from settlement.models import Balance, BankAccount, Transfer, Withdrawal
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
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.money import USDT
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


def ask(
    market: Market,
    amount: str = "4000",
    currency: str = "EUR",
    to: str = "main",
    *,
    key: str = "",
    by: User | None = None,
) -> Any:
    wish = Wish(currency, Decimal(amount) if amount else None, to)
    return operations.request_withdrawal(
        wish=wish, actor=by or market.tara, key=key or factories.unique("key"), now=clock.now()
    )


def ask_usdt(market: Market, amount: str = "4000", **more: Any) -> Any:
    return ask(market, amount, "USDT", market.address.ref, **more)


def signed(row: Withdrawal) -> dict[str, Any]:
    to = row.account or row.address
    assert to is not None
    return {"amount": f"{row.amount:.{row.asset.scale}f}", "currency": row.asset_id, "destination": to.ref}


def approved(row: Any) -> Any:
    factories.carry("withdrawal.approve", row.ref, **signed(row))
    row.refresh_from_db()
    return row


def sent(row: Withdrawal, olga: User, reference: str = "OUT-1") -> Withdrawal:
    return operations.record_sent(ref=approved(row).ref, bank_reference=reference, actor=olga, now=clock.now())


def money(market: Market, currency: str = "EUR") -> Any:
    """What is on the balance, and what of it is held."""
    row = Balance.objects.select_related("account__asset").get(account__code=f"client:{market.client.ref}:{currency}")
    unit = Decimal(10) ** row.account.asset.scale
    return row.posted / unit, row.held / unit


def status(row: Withdrawal) -> str:
    row.refresh_from_db()
    return str(row.status)


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


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def by_hand(market: Market, account: BankAccount, *, amount: int = 5) -> None:
    sql(
        "insert into settlement_withdrawal (ref, client_id, asset_id, amount, fee, account_id, requested_by_id, key,"
        " status, reason, detail, created_at, updated_at) values ('WDR-1', %s, 'EUR', %s, 0, %s, %s, 'x', 'requested',"
        " '', '', now(), now())",
        market.client.pk,
        amount,
        account.pk,
        market.tara.pk,
    )


def test_nothing_is_asked_for_past_the_rules(market: Market, bank: BankAccount) -> None:
    with refused("MN25"):
        by_hand(market, bank)
    for account in (factories.account(market.meridian), factories.asked_account(market.client, "NL91ABNA0417164300")):
        with refused("MN20"):
            by_hand(market, account)
    with refused("withdrawal_positive"):
        by_hand(market, bank, amount=0)
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())
    with refused("MN21"):
        by_hand(market, bank)


def test_nothing_goes_out_past_the_rules(market: Market, bank: BankAccount, olga: User) -> None:
    row = ask(market)
    with refused(f"MN22 .*{TWO}"):
        sql("update settlement_withdrawal set status = 'approved'")
    with refused("has no step requested>confirmed"):
        sql("update settlement_withdrawal set status = 'confirmed', sent_at = now()")
    with refused("MN25"):
        sql("update settlement_withdrawal set status = 'cancelled', reason = 'X'")
    approved(row)
    with refused("withdrawal_sent_by_bank"):
        sql("update settlement_withdrawal set status = 'sent'")
    with refused("MN25"):
        sql("update settlement_withdrawal set status = 'sent', bank_reference = 'X'")
    with refused("withdrawal_paid_on_chain"):
        sql("update settlement_withdrawal set status = 'paying'")
    operations.record_sent(ref=row.ref, bank_reference="OUT", actor=olga, now=clock.now())
    with refused(f"MN24 .*{TWO}"):
        sql("update settlement_withdrawal set status = 'returned', return_reference = 'X'")
    with refused("MN23"):
        sql("update settlement_withdrawal set bank_reference = 'other'")


def test_what_was_asked_for_is_frozen(market: Market, bank: BankAccount) -> None:
    ask(market)
    changes = (
        "amount = 1",
        "fee = 1",
        "account_id = null",
        "client_id = client_id + 1",
        "asset_id = 'USDT'",
        "key = 'x'",
    )
    for change in changes:
        with refused("may only change"):
            sql(f"update settlement_withdrawal set {change}")  # noqa: S608 - the test's own words
    with refused("never changed or removed|permission denied"):
        sql("delete from settlement_withdrawal")


def test_nothing_counts_as_executed_without_its_effect(market: Market, bank: BankAccount, olga: User) -> None:
    row = ask(market)
    request = factories.propose("withdrawal.approve", row.ref, **signed(row))
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    other = sent(ask(market), olga)
    request = factories.propose("withdrawal.return", other.ref, return_reference="BACK")
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])


def test_a_transfer_pays_what_was_approved_once(market: Market) -> None:
    row = approved(ask_usdt(market))
    values: dict[str, Any] = {
        "withdrawal": row,
        "wallet": market.wallet,
        "to_address": market.address.address,
        "amount_minor": 4_000_000_000,
        "nonce": 77,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    }
    for change in ({"amount_minor": 4_000_000_001}, {"to_address": "mine"}):
        with refused("MN26"):
            Transfer.objects.create(**(values | change))
    settlement = factories.fill(market).settlement
    of_both = {"settlement": settlement, "amount_minor": ledger.minor(settlement.base_amount, USDT)}
    with refused("transfer_of_one"):
        Transfer.objects.create(**(values | of_both))
    with refused("transfer_withdrawal_one_alive"):
        Transfer.objects.create(**values)
        Transfer.objects.create(**(values | {"nonce": 78, "generation": 2}))
    row.move("paying", at=clock.now())
    row.move("needs_review", at=clock.now(), reason="doubted")
    with refused("MN26"):
        Transfer.objects.create(**values)


def test_nobody_approves_what_they_proposed(market: Market, bank: BankAccount) -> None:
    row = ask(market)
    first, _second = factories.founders()
    request = factories.propose("withdrawal.approve", row.ref, **signed(row))
    with refused("DC23"):
        execute_by_hand(request, first)
    assert timedelta(hours=24) == request.expires_at - request.created_at
