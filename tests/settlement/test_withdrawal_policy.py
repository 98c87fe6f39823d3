"""What may be withdrawn and what it costs is carried by two, and the database holds withdrawals to it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from settlement import ledger, operations
from settlement import withdrawal_limits as limits
from settlement.models import Withdrawal, WithdrawalPolicy
from settlement.operations import Wish
from settlement.operations.withdrawals import OverLimit
from settlement.own_acts.withdrawal_policy import SameLimits
from tests import factories
from tests.concurrency.threads import in_thread, wait_for_a_waiter
from tests.factories import Market
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.money import USDT
from users.models import ApprovalRequest, AuditEvent
from users.operations import current_policy
from users.own_acts.base import BadPayload

FIRST: dict[str, Any] = {
    "largest": "1000000",
    "daily": "3000000",
    "fee_ethereum": "4",
    "fee_simulated": "0",
    "fee_tron": "1",
}
TWO = "only by a request that two people carried"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="10000", usdt="10000")


def offer(market: Market, amount: str) -> Any:
    wish = Wish("USDT", Decimal(amount), market.address.ref)
    return operations.work_out(wish=wish, actor=market.tara, now=clock.now())


def test_the_schema_brings_the_first_and_two_people_every_later_one(market: Market) -> None:
    assert limits.values_of(limits.current()) == FIRST

    factories.withdrawal_limits(largest="500", fee_simulated="2.5")

    assert limits.values_of(limits.current()) == FIRST | {"largest": "500", "fee_simulated": "2.5"}
    assert offer(market, "100").fee == Decimal("2.5")
    with pytest.raises(OverLimit) as refusal:
        offer(market, "500.01")
    assert "500 USDT" in refusal.value.sentence
    event = AuditEvent.objects.get(name="withdrawal_policy.changed")
    assert (event.before["largest"], event.after["largest"]) == ("1000000", "500")


BAD: list[dict[str, Any]] = [
    {"largest": "0"},
    {"largest": "3000001"},
    {"daily": "1e9"},
    {"largest": 5},
    {"fee_tron": "-1"},
    {"fee_tron": "1001"},
    {"fee_tron": "0.0000001"},
    {"fee_nowhere": "1"},
]


@pytest.mark.parametrize("change", BAD)
def test_details_that_make_no_sense(market: Market, change: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        factories.propose("withdrawal_policy.change", limits.SUBJECT, **{**FIRST, **change})


def test_what_holds_is_no_change_and_there_is_one_subject(market: Market) -> None:
    with pytest.raises(SameLimits):
        factories.propose("withdrawal_policy.change", limits.SUBJECT, **FIRST)
    with pytest.raises(NotFound):
        factories.propose("withdrawal_policy.change", "OTHERS", **FIRST)


def by_hand(market: Market, *, amount: int, fee: int = 2, ref: str = "WDR-1", at: str = "0 days") -> None:
    sql(
        "insert into settlement_withdrawal (ref, client_id, asset_id, amount, fee, address_id, requested_by_id, key,"
        " status, reason, detail, created_at, updated_at) values (%s, %s, 'USDT', %s, %s, %s, %s, %s,"
        " 'requested', '', '', now() + %s::interval, now())",
        *(ref, market.client.pk, amount, fee, market.address.pk, market.tara.pk, ref, at),
    )


def held_by_hand(market: Market, *, amount: int, ref: str, at: str = "0 days") -> None:
    """With the journal that has to go with it: nothing but the limit is against it."""
    by_hand(market, amount=amount, ref=ref, at=at)
    lines = ledger.hold(ledger.of(market.client, USDT), USDT, ledger.minor(Decimal(amount + 2), USDT))
    ledger.post(ledger.Posting(f"withdrawal-hold:{ref}", "withdrawal_hold", ref, lines))


def test_withdrawal_past_the_policy_is_refused_whoever_asks(market: Market) -> None:
    factories.withdrawal_limits(largest="500", daily="700", fee_simulated="2")
    for amount, fee in ((501, 2), (5, 0), (5, 3)):
        with refused("MN27"):
            by_hand(market, amount=amount, fee=fee)
    wish = Wish("USDT", Decimal(400), market.address.ref)
    operations.request_withdrawal(wish=wish, actor=market.tara, key="one", now=clock.now())
    with refused("MN27"):
        by_hand(market, amount=301)
    with refused("MN25"):
        by_hand(market, amount=300)


def test_time_that_is_made_up_does_not_make_room_in_the_day(market: Market) -> None:
    factories.withdrawal_limits(largest="500", daily="700", fee_simulated="2")
    with transaction.atomic():
        held_by_hand(market, amount=400, ref="WDR-1", at="-2 days")

    for at in ("0 days", "2 days", "-2 days"):
        with refused("MN27"):
            by_hand(market, amount=301, ref="WDR-2", at=at)
    assert timedelta(0) <= clock.now() - Withdrawal.objects.get().created_at < timedelta(minutes=1)


def test_two_at_once_are_counted_one_after_the_other(market: Market) -> None:
    factories.withdrawal_limits(largest="500", daily="700", fee_simulated="2")

    def second() -> None:
        with transaction.atomic():
            held_by_hand(market, amount=400, ref="WDR-2")

    with transaction.atomic():
        held_by_hand(market, amount=400, ref="WDR-1")
        waiting = in_thread(second)
        wait_for_a_waiter()
        assert waiting.is_running

    assert "MN27" in str(waiting.outcome())
    with refused("MN27"):
        sql("set transaction isolation level repeatable read")
        by_hand(market, amount=1, ref="WDR-3")
    assert list(Withdrawal.objects.values_list("ref", flat=True)) == ["WDR-1"]


def test_nobody_changes_it_alone_nor_to_what_was_not_signed(market: Market) -> None:
    version = {"largest": 1, "daily": 1, "fees": {}, "made_at": clock.now()}
    with refused(f"MN28 .*{TWO}"):
        WithdrawalPolicy.objects.create(version=2, **version)
    request = factories.propose("withdrawal_policy.change", limits.SUBJECT, **{**FIRST, "largest": "5"})
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    fees = {"tron": "1", "ethereum": "4", "simulated": "0"}
    for wrong in ({"largest": 6}, {"daily": 5}, {"fees": fees | {"tron": "0"}}, {"version": 3}):
        with refused("MN28"):
            execute_by_hand(request, factories.founders()[1])
            right = {"version": 2, "largest": 5, "daily": 3_000_000, "fees": fees, "made_at": clock.now()}
            WithdrawalPolicy.objects.create(**{**right, **wrong})


def test_threshold_of_deposits_is_a_term_of_its_policy(market: Market) -> None:
    factories.carry("policy.change", "deposit.confirm", threshold=70_000)
    assert current_policy("deposit.confirm").threshold == 70_000
    factories.carry("policy.change", "deposit.confirm", expires_after=3600)
    assert current_policy("deposit.confirm").threshold == 70_000
    for act, threshold in (("deposit.confirm", 0), ("deposit.confirm", "5"), ("flag.on", 5)):
        with pytest.raises(BadPayload):
            factories.propose("policy.change", act, threshold=threshold)
    assert ApprovalRequest.objects.get(payload={"threshold": 70_000}).status == "executed"
