"""What the database refuses about payments between desk and LP, whoever asks and by whichever way."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from settlement import verification
from settlement.models import BankAccount, Transfer
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.lp_paying import (
    approved,
    came,
    copy_of,
    market_with_a_trade,
    net,
    sent,
    signed,
)
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from users.models import User

type RunMoney = Callable[..., None]
TRANSACTION = "0x" + "ab" * 32
TWO = "only by a request that two people carried"


@pytest.fixture
def market(db: None) -> Market:
    return market_with_a_trade()


@pytest.fixture
def bank(market: Market) -> BankAccount:
    return factories.account(market.meridian, label="LP's own")


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def test_nobody_approves_receives_or_returns_alone(market: Market, bank: BankAccount, olga: User) -> None:
    row = net(market, olga, way=bank.ref)
    wanted = net(market, olga, "in", "USDT", market.wallet.name)
    for words, statement, ref in (
        (f"MN31 .* {TWO}", "update settlement_lppayment set status = 'approved' where ref = %s", row.ref),
        (f"MN31 .* {TWO}", "update settlement_lppayment set status = 'confirmed' where ref = %s", row.ref),
        (
            f"MN32 .* {TWO}",
            "update settlement_lppayment set status = 'confirmed', received = 1, reference = 'x' where ref = %s",
            wanted.ref,
        ),
        ("MN32", "update settlement_lppayment set received = 1 where ref = %s", wanted.ref),
        ("MN33", "update settlement_lppayment set reference = 'x' where ref = %s", row.ref),
        ("MN34", "update settlement_lppayment set return_reference = 'x' where ref = %s", row.ref),
    ):
        with refused(words):
            sql(statement, ref)
    sent(row, olga)
    with refused("MN34"):
        sql("update settlement_lppayment set status = 'returned', return_reference = 'x' where ref = %s", row.ref)
    with refused("MN33"):
        sql("update settlement_lppayment set reference = 'other' where ref = %s", row.ref)


TERMS = ["amount = 1", "lp_id = lp_id + 1", "direction = 'in'", "account_id = null", "netted_until = now()", "key = ''"]


def test_terms_never_change_and_none_is_deleted(market: Market, bank: BankAccount, olga: User) -> None:
    row = net(market, olga, way=bank.ref)
    for change in TERMS:
        with refused("may only change"):
            sql(f"update settlement_lppayment set {change} where ref = %s", row.ref)  # noqa: S608
    for statement in ("delete from settlement_lppayment", "truncate settlement_lppayment cascade"):
        with refused("never changed or removed|permission denied"):
            sql(statement)


def test_row_by_hand_pays_no_more_than_is_owed_and_nowhere_else(market: Market, bank: BankAccount, olga: User) -> None:
    row = net(market, olga, way=bank.ref, amount=Decimal(1))
    foreign = factories.account(market.client, "GB29NWBK60161331926819")
    for words, changes in (
        ("MN37", {"amount": Decimal(10**6)}),
        ("MN30", {"account": foreign}),
        ("MN30", {"account": factories.asked_account(market.meridian, "FR1420041010050500013M02606")}),
        ("MN30", {"lp": market.northwind, "direction": "in"}),
        ("MN30", {"direction": "in"}),
        ("lp_payment_one_way", {"wallet": market.wallet}),
        ("MN33", {"reference": "x"}),
        ("has no step >approved", {"status": "approved"}),
    ):
        with refused(words):
            copy_of(row, **changes).save(force_insert=True)


def test_states_need_their_journals(market: Market, bank: BankAccount, olga: User) -> None:
    row = approved(net(market, olga, way=bank.ref))
    with refused("MN35"), transaction.atomic():
        sql("update settlement_lppayment set status = 'sent', reference = 'x' where ref = %s", row.ref)
        sql("set constraints all immediate")


@pytest.mark.parametrize("act", ["lp_payment.approve", "lp_payment.receive", "lp_payment.return"])
def test_executed_without_its_effect_does_not_commit(market: Market, bank: BankAccount, olga: User, act: str) -> None:
    if act == "lp_payment.receive":
        row = net(market, olga, "in", "USDT", market.wallet.name)
        details = came(row, "5", TRANSACTION)
    else:
        row = net(market, olga, way=bank.ref)
        details = signed(row)
    if act == "lp_payment.return":
        sent(row, olga)
        details = {"return_reference": "BACK"}
    request = factories.propose(act, row.ref, **details)
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])


def test_transfer_that_pays_something_else_is_refused(market: Market, olga: User, run_money: RunMoney) -> None:
    factories.fill(market, side="sell")
    factories.fill(market, side="sell")
    run_money()
    row = approved(net(market, olga, currency="USDT", way=factories.address(market.meridian).ref, amount=Decimal(5)))
    usual = {
        "lp_payment": row,
        "wallet": market.wallet,
        "to_address": row.address.address,
        "amount_minor": 5_000_000,
        "nonce": 999,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    }
    for wrong in ({"amount_minor": 5_000_001}, {"to_address": "mine"}):
        with refused("MN36"):
            Transfer.objects.create(**{**usual, **wrong})
    assert jobs.names(task_name="settlement.pay_lp")


def test_verification_finds_one_that_went_out_without_two(market: Market, bank: BankAccount, owner: Any) -> None:
    olga = factories.user("ops")
    row = net(market, olga, way=bank.ref)
    owner.execute("alter table settlement_lppayment disable trigger user")
    owner.execute("update settlement_lppayment set status = 'approved'")
    owner.execute("alter table settlement_lppayment enable trigger user")

    assert [finding.where for finding in verification.check()] == [row.ref]
