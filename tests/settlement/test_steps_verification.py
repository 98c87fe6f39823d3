"""The verification finds steps and limits that no two people carried, and what was carried and not done."""

from typing import Any

import pytest

from settlement import policies, tasks, verification
from tests import factories
from tests.factories import Market
from tests.settlement.test_review import asked, nonce_taken


@pytest.fixture
def market(db: None) -> Market:
    """A desk on which one was paid again, one cancelled, and one released by two since the limits changed."""
    market = factories.market()
    settlement = factories.fill(market).settlement
    tasks.pay(settlement_id=settlement.pk)
    nonce_taken(market, settlement)
    factories.carry("settlement.resend", settlement.ref, check=asked(settlement).ref)
    limits = policies.values_of(policies.current()) | {"release_threshold": "1000"}
    factories.carry("settlement_policy.change", policies.SUBJECT, **limits)
    released, cancelled = (factories.fill(market, to_balance=True).settlement for _each in range(2))
    factories.carry("settlement.release", released.ref)
    factories.carry("settlement.cancel", cancelled.ref)
    return market


def unreconciled() -> list[str]:
    return [f"{one.where}: {one.what}" for one in verification.check()]


def tamper(owner: Any, table: str, change: str) -> None:
    owner.execute(f"alter table {table} disable trigger user")
    owner.execute(f"update {table} set {change}")  # noqa: S608 - the test's own words
    owner.execute(f"alter table {table} enable trigger user")


def test_history_that_people_carried_is_sound(market: Market) -> None:
    assert unreconciled() == []


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        ("settlement_settlement", "status = 'cancelled' where status = 'approved'", "was cancelled without"),
        ("settlement_settlement", "status = 'blocked' where status = 'cancelled'", "was carried, and STL-"),
        ("settlement_settlement", "is_released = false", "was carried, and STL-"),
        ("settlement_settlementtransition", "to_status = 'approved' where to_status = 'cancelled'", "released without"),
        ("settlement_settlementtransition", "from_status = 'needs_review', to_status = 'paying'", "left the review"),
        ("settlement_settlementpolicy", "most_waiting = 9 where version = 2", "hold without"),
        ("settlement_transfer", "settlement_id = (select max(id) from settlement_settlement)", "was given up without"),
        ("settlement_transfer", "status = 'needs_review'", "was carried, and STL-"),
    ],
)
def test_tampering_past_the_triggers_is_found(market: Market, owner: Any, table: str, change: str, says: str) -> None:
    if "given up" in says:
        factories.fill(market, to_balance=True)

    tamper(owner, table, change)

    assert any(says in one for one in unreconciled())
