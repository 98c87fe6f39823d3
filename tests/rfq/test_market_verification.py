"""The verification of the evidence finds what was changed on the market past the triggers."""

from typing import Any

import pytest

from rfq import verification
from tests import factories
from tests.factories import Market
from tests.rfq.test_market_acts import CAP, OFFICE, TERMS, cases, stopped


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def unreconciled() -> list[str]:
    return [f"{one.where}: {one.what}" for one in verification.check()]


def test_a_market_with_a_history_is_sound(market: Market) -> None:
    factories.carry("terms.change", market.client.ref, **TERMS)
    factories.carry("hours.change", market.client.ref, **OFFICE)
    factories.carry("lp_terms.change", market.meridian.ref, **CAP)
    factories.carry("pair.change", "USDT/EUR", rfq_ttl_seconds=60)
    stopped(market)
    assert unreconciled() == []

    for name in ("client.unfreeze", "lp.resume", "pair.resume", "desk.resume"):
        factories.carry(name, cases(market)[name][0])
    factories.carry("hours.change", market.client.ref, always=True)
    assert unreconciled() == []


@pytest.mark.parametrize(
    ("table", "tampering", "says"),
    [
        ("rfq_tradingterms", "update rfq_tradingterms set maximum = 999", "on other terms"),
        ("rfq_tradingterms", "delete from rfq_tradingterms", "on other terms"),
        ("rfq_tradinghours", "update rfq_tradinghours set time_zone = 'UTC'", "other hours"),
        ("rfq_tradinghours", "delete from rfq_tradinghours", "other hours"),
        ("rfq_lpterms", "update rfq_lpterms set unsettled_cap = 1", "quotes on other terms"),
        ("rfq_pair", "update rfq_pair set quote_ttl_seconds = 60", "another quote_ttl_seconds"),
        ("rfq_pair", "update rfq_pair set is_enabled = true", "goes on without a request"),
        ("rfq_lpterms", "update rfq_lpterms set paused_at = null, paused_by_id = null, pause_reason = ''", "goes on"),
        ("rfq_marketstate", "update rfq_marketstate set paused_at = null, paused_by_id = null, reason = ''", "goes on"),
        ("users_counterparty", "update users_counterparty set status = 'active'", "goes on without a request"),
    ],
)
def test_tampering_past_the_triggers_is_found(
    market: Market, owner: Any, table: str, tampering: str, says: str
) -> None:
    factories.carry("hours.change", market.client.ref, **OFFICE)
    factories.carry("lp_terms.change", market.meridian.ref, **CAP)
    stopped(market)
    owner.execute(f"alter table {table} disable trigger user")
    owner.execute(tampering)
    owner.execute(f"alter table {table} enable trigger user")

    assert any(says in one for one in unreconciled())
