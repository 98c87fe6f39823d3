"""Deposits: announced, received, credited by one or by two, returned; and what the database refuses."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import operations
from settlement.ledger import InsufficientBalance
from settlement.models import Balance, Deposit
from settlement.operations import Receipt
from settlement.operations.deposits import (
    NoBankDetails,
    NoReference,
    NotAnAmount,
    OtherDeposit,
    ReferenceUsed,
    TooManyAnnounced,
)
from settlement.own_acts.deposits import NotNow
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.books import books
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import DeskError, NotFound
from trading.lib.states import IllegalTransition
from users import acts
from users.capabilities import MissingCapability
from users.models import ApprovalRequest, AuditEvent, User
from users.own_acts.base import BadPayload

TWO = "only by a request that two people carried"
SMALL, LARGE = Decimal("49999.99"), Decimal(50_000)


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="0", usdt="0")


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def announce(market: Market, amount: Decimal = SMALL, key: str = "") -> Deposit:
    return operations.announce_deposit(
        currency="EUR", amount=amount, actor=market.tara, key=key or factories.unique("key"), now=clock.now()
    )


def record(actor: User, amount: Decimal = SMALL, *, key: str = "", **more: str) -> Deposit:
    usual: dict[str, Any] = {"currency": "EUR", "bank_reference": factories.unique("BANK"), "sender": "Cedar"} | more
    receipt = Receipt(amount=amount, **usual)
    return operations.record_deposit(receipt=receipt, actor=actor, key=key or factories.unique("key"), now=clock.now())


def signed(deposit: Deposit, client: str) -> dict[str, Any]:
    return {"client": client, "amount": f"{deposit.amount:.2f}", "bank_reference": deposit.bank_reference or ""}


def balance(market: Market) -> Decimal:
    return Balance.objects.get(account__code=f"client:{market.client.ref}:EUR").posted / 100


def status(deposit: Deposit) -> str:
    deposit.refresh_from_db()
    return deposit.status


# --- announced -------------------------------------------------------------------------------


def test_a_client_announces_money_once(market: Market) -> None:
    factories.account(None)
    made, again = announce(market, key="one"), announce(market, key="one")

    assert (made, made.status, made.client, made.ref[:4]) == (again, "announced", market.client, "DEP-")
    assert AuditEvent.objects.filter(name="deposit.announced").count() == 1
    with pytest.raises(OtherDeposit):
        announce(market, Decimal(1), key="one")


def test_what_cannot_be_announced(market: Market) -> None:
    with pytest.raises(NoBankDetails):
        announce(market)
    factories.account(None)
    for amount in (Decimal(0), Decimal(-1), Decimal("0.001"), Decimal("NaN"), Decimal("1e15")):
        with pytest.raises(NotAnAmount):
            announce(market, amount)
    for other in (market.leo, factories.user("ops")):
        with pytest.raises(MissingCapability):
            operations.announce_deposit(
                currency="EUR", amount=SMALL, actor=other, key=factories.unique("key"), now=clock.now()
            )
    for _ in range(10):
        announce(market)
    with pytest.raises(TooManyAnnounced):
        announce(market)


def test_it_will_not_come_says_the_client_or_ops(market: Market, olga: User) -> None:
    factories.account(None)
    mine, other = announce(market), announce(market)

    with pytest.raises(NotFound):
        operations.cancel_deposit(ref=mine.ref, actor=factories.user("trader"), now=clock.now())
    operations.cancel_deposit(ref=mine.ref, actor=market.tara, now=clock.now())
    operations.cancel_deposit(ref=other.ref, actor=olga, now=clock.now())

    assert (status(mine), status(other)) == ("cancelled", "cancelled")
    with pytest.raises(IllegalTransition):
        operations.cancel_deposit(ref=mine.ref, actor=market.tara, now=clock.now())
    with pytest.raises(IllegalTransition):
        record(olga, ref=mine.ref)


# --- received and credited ---------------------------------------------------------------------


def test_a_small_deposit_is_credited_by_one_as_the_bank_says(market: Market, olga: User) -> None:
    factories.account(None)
    announced = announce(market, Decimal(10_000))

    deposit = record(olga, Decimal("9990.50"), ref=announced.ref)

    assert (deposit.pk, status(announced), announced.amount) == (announced.pk, "credited", Decimal("9990.50"))
    assert balance(market) == Decimal("9990.50")
    assert books() == {"bank:EUR": 999050, f"client:{market.client.ref}:EUR": -999050, **hot(market)}
    event = AuditEvent.objects.get(name="deposit.credited")
    assert (event.actor, event.subject_ref) == (olga, announced.ref)
    assert "settlement.fund_waiting" in jobs.names()


def hot(market: Market) -> dict[str, int]:
    found = books()
    return {code: found[code] for code in (market.wallet.account.code, "capital:USDT")}


def test_the_same_payment_is_booked_once(market: Market, olga: User) -> None:
    first = record(olga, client=market.client.ref, bank_reference="BANK-1", key="k")

    assert record(olga, client=market.client.ref, bank_reference=" BANK-1 ", key="k") == first
    for attempt in (
        lambda: record(olga, client=market.client.ref, bank_reference="BANK-1"),
        lambda: record(factories.user("ops"), client=market.client.ref, bank_reference="BANK-1", key="k"),
        lambda: record(olga, Decimal(5), client=market.client.ref, bank_reference="BANK-1", key="k"),
    ):
        with pytest.raises(ReferenceUsed):
            attempt()
    with pytest.raises(OtherDeposit):
        record(olga, client=market.client.ref, key="k")
    assert balance(market) == SMALL


def test_a_payment_two_write_down_at_once_is_booked_once(market: Market) -> None:
    people = [factories.user("ops") for _ in range(4)]

    def write_down(actor: User) -> str:
        try:
            record(actor, client=market.client.ref, bank_reference="BANK-1")
        except (ReferenceUsed, DeskError) as refusal:
            return refusal.code
        return "done"

    answers = at_once([lambda one=one: write_down(one) for one in people])  # type: ignore[misc]

    assert sorted(map(str, answers)) == ["bank_reference_used"] * 3 + ["done"]
    assert balance(market) == SMALL


def test_a_large_deposit_waits_for_a_second_person(market: Market, olga: User) -> None:
    amir = factories.user("approver")
    deposit = record(olga, LARGE, client=market.client.ref)
    assert (status(deposit), balance(market)) == ("received", Decimal(0))

    request = factories.propose("deposit.confirm", deposit.ref, by=olga, **signed(deposit, market.client.ref))
    assert any(line.after == "50,000.00 EUR" for line in acts.act_of("deposit.confirm").describe(deposit.ref, {}))
    done = factories.decide(request, by=amir)

    assert (done.status, status(deposit), balance(market)) == ("executed", "credited", LARGE)
    assert AuditEvent.objects.get(name="deposit.confirmed").after["request"] == request.ref


def test_money_of_nobody_waits_in_suspense_until_two_know_whose_it_is(market: Market, olga: User) -> None:
    deposit = record(olga, Decimal(100))
    assert (deposit.status, books()["suspense:EUR"]) == ("suspense", -10_000)

    factories.carry("deposit.confirm", deposit.ref, **signed(deposit, market.client.ref))

    assert (status(deposit), deposit.client, balance(market)) == ("credited", market.client, Decimal(100))
    assert "suspense:EUR" not in books()


def test_details_that_are_not_the_banks_are_refused(market: Market, olga: User) -> None:
    deposit = record(olga, LARGE, client=market.client.ref)
    right = signed(deposit, market.client.ref)
    stranger = factories.counterparty("client")
    for wrong in (
        {},
        right | {"amount": "50000"},
        right | {"amount": "60000.00"},
        right | {"bank_reference": "other"},
        right | {"client": stranger.ref},
        right | {"client": market.meridian.ref},
        right | {"more": 1},
    ):
        with pytest.raises(BadPayload):
            factories.propose("deposit.confirm", deposit.ref, **wrong)
    with pytest.raises(NotNow):
        factories.propose("deposit.return", deposit.ref, return_reference="BACK-1")


def test_who_may_not_record(market: Market, olga: User) -> None:
    for other in (market.tara, factories.user("approver"), factories.user("auditor")):
        with pytest.raises(MissingCapability):
            record(other, client=market.client.ref)
    with pytest.raises(NotFound):
        record(factories.narrowed(olga), client=market.client.ref)
    with pytest.raises(NotFound):
        record(factories.user("ops"), client=market.meridian.ref)
    with pytest.raises(NoReference):
        record(factories.user("ops"), client=market.client.ref, bank_reference=" ")


# --- returned ----------------------------------------------------------------------------------


def test_a_deposit_goes_back_by_two_and_not_below_zero(market: Market, olga: User) -> None:
    deposit, other = record(olga, client=market.client.ref), record(olga, Decimal(7))

    factories.carry("deposit.return", deposit.ref, return_reference="BACK-1")
    factories.carry("deposit.return", other.ref, return_reference="BACK-2")

    assert (status(deposit), status(other), balance(market)) == ("returned", "returned", Decimal(0))
    assert books() == hot(market)
    assert AuditEvent.objects.filter(name="deposit.returned").count() == 2
    with pytest.raises(NotNow):
        factories.propose("deposit.return", deposit.ref, return_reference="BACK-3")


def test_what_the_client_has_used_does_not_go_back(market: Market, olga: User) -> None:
    deposit = record(olga, Decimal(10_000), client=market.client.ref)
    factories.fill(market)

    request = factories.decide(factories.propose("deposit.return", deposit.ref, return_reference="BACK-1"))

    assert (request.status, request.outcome) == ("failed", str(InsufficientBalance.text))
    assert status(deposit) == "credited"


# --- what waited for it --------------------------------------------------------------------------


def waiting(market: Market, amount: str) -> Any:
    rfq = factories.rfq(market, amount=amount, to_balance=True)
    return factories.accept(factories.quote(rfq, market.leo), market.tara).settlement


def test_settlements_go_on_oldest_first_as_the_money_comes(market: Market, olga: User) -> None:
    market_credit(market, 40_000)
    first, second, third = waiting(market, "10000"), waiting(market, "20000"), waiting(market, "5000")
    assert [one.status for one in (first, second, third)] == ["awaiting_funds"] * 3

    record(olga, Decimal(12_000), client=market.client.ref)
    operations.fund_waiting(client_id=market.client.pk, now=clock.now())
    assert [state(one) for one in (first, second, third)] == ["approved", "awaiting_funds", "awaiting_funds"]

    record(olga, Decimal(23_000), client=market.client.ref)
    operations.fund_waiting(client_id=market.client.pk, now=clock.now())
    assert [state(one) for one in (second, third)] == ["approved", "approved"]
    assert AuditEvent.objects.filter(name="settlement.funded").count() == 3
    assert operations.fund_waiting(client_id=market.client.pk, now=clock.now()) == 0


def test_with_the_flag_off_what_is_funded_is_flagged_off(market: Market, olga: User) -> None:
    market_credit(market, 40_000)
    one = waiting(market, "10000")
    sql("update waffle_switch set active = false")

    record(olga, Decimal(12_000), client=market.client.ref)
    operations.fund_waiting(client_id=market.client.pk, now=clock.now())

    assert state(one) == "flagged_off"
    assert jobs.names(task_name="settlement.pay") == []


def state(settlement: Any) -> str:
    settlement.refresh_from_db()
    return str(settlement.status)


def market_credit(market: Market, euros: int) -> None:
    factories.credit(market.client, f"{euros}")


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def test_nothing_is_credited_past_the_rules(market: Market, olga: User) -> None:
    large, unknown = record(olga, LARGE, client=market.client.ref), record(olga, Decimal(5))
    credit = "update settlement_deposit set status = 'credited', credited_at = now(), client_id = %s where id = %s"
    for deposit in (large, unknown):
        with refused(f"MN11 .*{TWO}"):
            sql(credit, market.client.pk, deposit.pk)
    factories.account(None)
    small = announce(market)
    with refused("MN13"):
        sql(
            "update settlement_deposit set status = 'received', amount = 5, bank_reference = 'X' where id = %s",
            small.pk,
        )
        sql(credit, market.client.pk, small.pk)
    with refused("MN13"):
        sql(
            "insert into settlement_deposit (ref, asset_id, amount, bank_reference, sender, entered_by_id, key, status,"
            " created_at, updated_at) values ('DEP-1', 'EUR', 5, 'X', '', %s, 'x', 'suspense', now(), now())",
            olga.pk,
        )


def test_what_the_bank_said_is_frozen(market: Market, olga: User) -> None:
    record(olga, LARGE, client=market.client.ref)
    for change in ("amount = 1", "bank_reference = 'other'", "sender = 'me'"):
        with refused("MN10"):
            sql(f"update settlement_deposit set {change}")  # noqa: S608 - the test's own words
    with refused("MN10"):
        sql("update settlement_deposit set client_id = %s", market.meridian.pk)
    for change in ("asset_id = 'USDT'", "announced = 1", "key = 'other'"):
        with refused("may only change"):
            sql(f"update settlement_deposit set {change}")  # noqa: S608 - the test's own words
    with refused("never changed or removed|permission denied"):
        sql("delete from settlement_deposit")


def test_nothing_goes_back_past_the_rules(market: Market, olga: User) -> None:
    record(olga, client=market.client.ref)
    with refused(f"MN12 .*{TWO}"):
        sql("update settlement_deposit set status = 'returned', return_reference = 'BACK'")
    with refused("MN12"):
        sql("update settlement_deposit set return_reference = 'BACK'")
    with refused("has no step credited>received"):
        sql("update settlement_deposit set status = 'received'")


@pytest.mark.parametrize("act", ["deposit.confirm", "deposit.return"])
def test_nothing_counts_as_executed_without_its_effect(market: Market, olga: User, act: str) -> None:
    deposit = record(olga, LARGE if act == "deposit.confirm" else SMALL, client=market.client.ref)
    details: dict[str, Any] = (
        signed(deposit, market.client.ref) if act == "deposit.confirm" else {"return_reference": "BACK"}
    )
    request: ApprovalRequest = factories.propose(act, deposit.ref, **details)

    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])


def test_a_bank_reference_is_unique_in_the_database_too(market: Market, olga: User) -> None:
    first = record(olga, client=market.client.ref)
    with refused("bank_reference"):
        Deposit.objects.create(
            client=market.client,
            asset=market.eur,
            amount=5,
            bank_reference=first.bank_reference,
            entered_by=olga,
            key="x",
            status="received",
            created_at=clock.now(),
            updated_at=clock.now(),
        )
