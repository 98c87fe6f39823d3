"""Netting with LPs: what is owed, paid by two people's word, received, returned; and what the database refuses."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from settlement import operations
from settlement.models import BankAccount, LpPayment, Transfer
from settlement.operations.deposits import NoBankDetails, NoReference, NotAnAmount, ReferenceUsed
from settlement.operations.lp_payments import MoreThanOwed, NothingOwed, NoWay, OtherLpPayment, open_between
from settlement.operations.withdrawals import BankReferenceTaken, NotByBank
from settlement.own_acts.deposits import NotNow
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import REASON, Market
from tests.probes import refused, sql
from tests.settlement.books import books, events
from tests.settlement.lp_paying import (
    approved,
    assert_sound,
    came,
    market_with_a_trade,
    net,
    owed,
    sent,
    signed,
    status,
)
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.states import IllegalTransition
from users import acts
from users.capabilities import MissingCapability
from users.models import User
from users.own_acts.base import BadPayload
from users.policies import MeaninglessReason

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


# --- what is owed --------------------------------------------------------------------------------


def test_trade_accrues_on_both_accounts_and_netting_takes_all_that_is_open(
    market: Market, bank: BankAccount, olga: User
) -> None:
    euros, usdt = owed(market), -owed(market, "USDT")
    assert euros > 0 < usdt

    out = net(market, olga, way=bank.ref)
    wanted = net(market, olga, "in", "USDT", market.wallet.name)

    assert (out.amount, out.account, out.status) == (euros, bank, "requested")
    assert (wanted.amount, wanted.wallet, wanted.status) == (usdt, market.wallet, "requested")
    assert owed(market) == euros
    assert events("lp_payment.requested") == 2
    for direction, currency, way in (("out", "EUR", bank.ref), ("in", "USDT", market.wallet.name)):
        with pytest.raises(NothingOwed):
            net(market, olga, direction, currency, way)


def test_what_accrued_later_is_left_out(market: Market, bank: BankAccount, olga: User) -> None:
    cut = clock.now()
    first = owed(market)
    factories.fill(market)
    assert owed(market) == 2 * first

    assert net(market, olga, way=bank.ref, until=cut).amount == first
    assert net(market, olga, way=bank.ref).amount == first
    with pytest.raises(NothingOwed):
        net(market, olga, way=bank.ref, until=cut - timedelta(days=1))


def test_same_key_is_the_same_payment_and_no_other(market: Market, bank: BankAccount, olga: User) -> None:
    until = clock.now() + timedelta(days=1)
    terms: dict[str, Any] = {"way": bank.ref, "amount": Decimal(5), "until": until, "key": "one"}
    one, again = (net(market, olga, **terms) for _ in range(2))
    assert one == again
    assert net(market, olga, **terms | {"amount": None}) == one
    second = factories.account(market.meridian, "GB29NWBK60161331926819")
    for other in ({"amount": Decimal(6)}, {"until": None}, {"until": until + timedelta(1)}, {"way": second.ref}):
        with pytest.raises(OtherLpPayment):
            net(market, olga, **terms | other)
    with pytest.raises(OtherLpPayment):
        net(market, olga, "in", "USDT", market.wallet.name, key="one")


def test_what_is_refused(market: Market, bank: BankAccount, olga: User) -> None:
    more, cent = owed(market) + Decimal("0.01"), Decimal("0.001")
    waiting = factories.asked_account(market.meridian, "GB29NWBK60161331926819")
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (MoreThanOwed, {"way": bank.ref, "amount": more}),
        (MoreThanOwed, {"currency": "USDT", "way": market.address.ref, "amount": Decimal(1)}),
        (NotAnAmount, {"way": bank.ref, "amount": Decimal(0)}),
        (NotAnAmount, {"way": bank.ref, "amount": cent}),
        (NoWay, {"way": waiting.ref}),
        (NoWay, {"way": ""}),
        (NoWay, {"direction": "in", "currency": "USDT", "way": "no wallet"}),
        (NoBankDetails, {"direction": "in", "amount": Decimal(1)}),
        (NotFound, {"currency": "XXX"}),
        (NotFound, {"direction": "sideways"}),
    ]
    factories.address(market.meridian)
    for error, wish in cases:
        if error is MoreThanOwed and wish.get("currency"):
            wish["way"] = market.meridian.payout_addresses.get().ref
        with pytest.raises(error):
            net(market, olga, **wish)
    assert not LpPayment.objects.exists()


@pytest.mark.parametrize("role", ["trader", "lp", "approver", "admin", "auditor", "service"])
def test_who_may_not_net(market: Market, bank: BankAccount, role: str) -> None:
    with pytest.raises(MissingCapability):
        net(market, factories.user(role), way=bank.ref)


def test_whoever_serves_another_party_nets_nothing(market: Market, bank: BankAccount, olga: User) -> None:
    row = net(market, olga, way=bank.ref)
    other = factories.narrowed(olga)
    with pytest.raises(NotFound):
        net(market, other, way=bank.ref)
    with pytest.raises(NotFound):
        operations.decline_lp_payment(ref=row.ref, reason=REASON, actor=other, now=clock.now())
    with pytest.raises(NotFound):
        factories.propose("lp_payment.approve", row.ref, by=other, **signed(row))


def test_two_who_net_at_once_do_not_pay_twice(market: Market, bank: BankAccount, olga: User) -> None:
    def one() -> str:
        try:
            return str(net(market, olga, way=bank.ref).direction)
        except NothingOwed as refusal:
            return refusal.code

    assert sorted(map(str, at_once([one] * 3))) == ["nothing_owed", "nothing_owed", "out"]


# --- the desk pays -------------------------------------------------------------------------------


def test_by_bank_two_approve_ops_send_and_the_desk_owes_so_much_less(
    market: Market, bank: BankAccount, olga: User
) -> None:
    before = owed(market)
    row = net(market, olga, way=bank.ref, amount=Decimal(4000))
    lines = acts.act_of("lp_payment.approve").describe(row.ref, {})
    assert any("DE89 3704" in line.after for line in lines)
    assert any("4,000.00" in line.after for line in lines)

    sent(row, olga)
    assert status(row) == "sent"
    assert owed(market) == before - 4000
    assert books()["bank:EUR"] == (1_000_000 - 4000) * 100
    operations.record_lp_confirmed(ref=row.ref, actor=olga, now=clock.now())

    assert status(row) == "confirmed"
    assert [events(f"lp_payment.{name}") for name in ("approved", "sent", "confirmed")] == [1, 1, 1]
    assert_sound()


def test_sending_needs_the_banks_reference_once(market: Market, bank: BankAccount, olga: User) -> None:
    first, second = (net(market, olga, way=bank.ref, amount=Decimal(100)) for _ in range(2))
    with pytest.raises(IllegalTransition):
        operations.record_lp_sent(ref=first.ref, bank_reference="A", actor=olga, now=clock.now())
    sent(first, olga, "SAME")
    approved(second)
    for reference, error in (("SAME", BankReferenceTaken), ("  ", NoReference)):
        with pytest.raises(error):
            operations.record_lp_sent(ref=second.ref, bank_reference=reference, actor=olga, now=clock.now())
    assert status(second) == "approved"


def test_on_chain_a_transfer_pays_it_exactly(market: Market, olga: User, run_money: RunMoney) -> None:
    factories.fill(market, side="sell", price="0.91")
    factories.fill(market, side="sell", price="0.91")
    to = factories.address(market.meridian)
    row = net(market, olga, currency="USDT", way=to.ref, amount=Decimal(500))
    before = owed(market, "USDT")

    approved(row)
    run_money()

    assert status(row) == "confirmed"
    transfer: Any = Transfer.objects.get(lp_payment=row)
    assert (transfer.to_address, transfer.amount_minor, transfer.status) == (to.address, 500_000_000, "final")
    assert owed(market, "USDT") == before - 500
    assert books(layer="H") == {}
    assert_sound()
    with pytest.raises(NotByBank):
        operations.record_lp_confirmed(ref=row.ref, actor=olga, now=clock.now())


def test_with_the_flag_off_it_waits_with_the_reason(market: Market, olga: User, run_money: RunMoney) -> None:
    factories.fill(market, side="sell")
    factories.fill(market, side="sell")
    row = net(market, olga, currency="USDT", way=factories.address(market.meridian).ref)
    run_money()
    operations.turn_flag_off(actor=olga, reason=REASON, now=clock.now())

    approved(row)
    run_money()
    assert (status(row), row.reason) == ("approved", "auto_settlement_off")
    assert operations.pay_lps_waiting(now=clock.now()) == 1
    assert "settlement.pay_lp" not in jobs.names()
    factories.turn_flag_on()
    assert operations.pay_lps_waiting(now=clock.now()) == 1
    run_money()

    assert status(row) == "confirmed"


def test_reversed_meanwhile_it_is_not_sent(market: Market, bank: BankAccount, olga: User) -> None:
    row = approved(net(market, olga, way=bank.ref))
    sql(
        "select * from settlement_post(jsonb_build_array(jsonb_build_object('key', 'undo', 'kind', 'correction',"
        " 'subject', 'undo', 'input_hash', 'ab', 'entries', jsonb_build_array("
        "jsonb_build_object('account', %s::text, 'layer', 'P', 'amount', 1500000),"
        "jsonb_build_object('account', 'fx:EUR', 'layer', 'P', 'amount', -1500000)))))",
        f"lp:{market.meridian.ref}:EUR",
    )

    with pytest.raises(MoreThanOwed):
        operations.record_lp_sent(ref=row.ref, bank_reference="X", actor=olga, now=clock.now())
    operations.decline_lp_payment(ref=row.ref, reason=REASON, actor=olga, now=clock.now())
    assert status(row) == "declined"


def test_declining_takes_one_with_a_reason_and_frees_what_was_under_way(
    market: Market, bank: BankAccount, olga: User
) -> None:
    row = net(market, olga, way=bank.ref)
    with pytest.raises(MeaninglessReason):
        operations.decline_lp_payment(ref=row.ref, reason="no", actor=olga, now=clock.now())

    operations.decline_lp_payment(ref=row.ref, reason=REASON, actor=olga, now=clock.now())

    assert status(row) == "declined"
    assert open_between(market.meridian, market.eur, "out") == row.amount


def test_returned_payment_is_owed_again(market: Market, bank: BankAccount, olga: User) -> None:
    before = owed(market)
    row = sent(net(market, olga, way=bank.ref), olga)
    assert owed(market) == 0

    factories.carry("lp_payment.return", row.ref, return_reference="BACK-1")

    assert (status(row), owed(market)) == ("returned", before)
    assert_sound()
    assert events("lp_payment.returned") == 1
    with pytest.raises(NotNow):
        factories.propose("lp_payment.return", row.ref, return_reference="BACK-2")


@pytest.mark.parametrize("wrong", [{"amount": "1.00"}, {"currency": "USDT"}, {"destination": "BNK-OTHER"}, {"x": 1}])
def test_approval_names_exactly_what_goes_where(
    market: Market, bank: BankAccount, olga: User, wrong: dict[str, Any]
) -> None:
    row = net(market, olga, way=bank.ref)
    with pytest.raises(BadPayload):
        factories.propose("lp_payment.approve", row.ref, **{**signed(row), **wrong})


# --- the LP pays ---------------------------------------------------------------------------------


def test_what_the_lp_paid_is_booked_by_two_as_it_came(market: Market, olga: User) -> None:
    owes = -owed(market, "USDT")
    row = net(market, olga, "in", "USDT", market.wallet.name)

    factories.carry("lp_payment.receive", row.ref, **came(row, "10000.5", TRANSACTION))

    row.refresh_from_db()
    assert (row.status, row.received, row.reference) == ("confirmed", Decimal("10000.5"), TRANSACTION)
    assert -owed(market, "USDT") == owes - Decimal("10000.5")
    assert events("lp_payment.received") == 1
    assert_sound()


def test_fiat_comes_to_the_desks_own_account(market: Market, olga: User) -> None:
    own = factories.account(None)
    row = net(market, olga, "in", amount=Decimal(250))
    before = owed(market)

    factories.carry("lp_payment.receive", row.ref, **came(row, "250"))

    assert row.account == own
    assert owed(market) == before + 250


def test_one_payment_of_the_bank_is_booked_once_whichever_way(market: Market, olga: User, bank: BankAccount) -> None:
    factories.account(None)
    announced = operations.announce_deposit(
        currency="EUR", amount=Decimal(5), actor=market.tara, key="a", now=clock.now()
    )
    receipt = operations.Receipt("EUR", Decimal(5), "SHARED", client=market.client.ref)
    operations.record_deposit(receipt=receipt, actor=olga, key="one", now=clock.now())
    row = net(market, olga, "in", amount=Decimal(5))

    with pytest.raises(BankReferenceTaken, match="DEP-"):
        factories.propose("lp_payment.receive", row.ref, **came(row, "5", "SHARED"))
    factories.carry("lp_payment.receive", row.ref, **came(row, "5", "OTHER"))
    other = operations.Receipt("EUR", Decimal(5), "OTHER", client=market.client.ref)
    with pytest.raises(ReferenceUsed, match=row.ref):
        operations.record_deposit(receipt=other, actor=olga, key="two", now=clock.now())
    with refused("MN33"):
        sql(
            "update settlement_deposit set status = 'received', amount = 5, bank_reference = 'OTHER' where ref = %s",
            announced.ref,
        )


@pytest.mark.parametrize("wrong", [{"amount": "-5"}, {"amount": 5}, {"currency": "EUR"}, {"reference": 5}, {"x": 1}])
def test_receipt_needs_an_amount_and_a_reference(market: Market, olga: User, wrong: dict[str, Any]) -> None:
    row = net(market, olga, "in", "USDT", market.wallet.name)
    with pytest.raises(BadPayload):
        factories.propose("lp_payment.receive", row.ref, **{**came(row, "5"), **wrong})
