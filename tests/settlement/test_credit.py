"""Credit lines: changed by two with a reason, at once, never below what is taken; the database agrees."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import balances, verification
from settlement.ledger import InsufficientBalance
from settlement.own_acts.credit import CreditInUse, SameCredit
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib.errors import NotFound
from users import acts
from users.models import AuditEvent
from users.own_acts.base import BadPayload

TWO = "only by a request that two people carried"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="1000")


def line(market: Market) -> Any:
    """The euro line, and what is taken of it."""
    one = next(one for one in balances.of_client(market.client) if one.unit.code == "EUR")
    return one.credit, one.credit_used


def test_a_line_holds_from_the_moment_it_is_carried_and_says_why(market: Market) -> None:
    with pytest.raises(InsufficientBalance):
        factories.fill(market)

    request = factories.propose("credit.change", market.client.ref, currency="EUR", credit="9000.50")
    assert line(market)[0] == 0
    assert factories.decide(request).status == "executed"

    assert line(market)[0] == Decimal("9000.50")
    assert factories.fill(market).settlement.status == "awaiting_funds"
    event = AuditEvent.objects.get(name="credit.changed")
    assert (event.subject_ref, event.before["credit"], event.after["credit"]) == (market.client.ref, "0", "9000.5")
    assert event.reason == factories.REASON
    assert list(verification.check()) == []


def test_a_line_is_not_cut_below_what_is_taken(market: Market) -> None:
    factories.credit(market.client, "20000")
    factories.fill(market)
    _line, used = line(market)
    assert used == 9000

    with pytest.raises(CreditInUse, match=r"9,000\.00 EUR"):
        factories.propose("credit.change", market.client.ref, currency="EUR", credit="8999.99")
    factories.credit(market.client, "9000")
    assert line(market) == (9000, 9000)


def test_what_was_taken_meanwhile_fails_the_request(market: Market) -> None:
    factories.credit(market.client, "20000")
    request = factories.propose("credit.change", market.client.ref, currency="EUR", credit="0")
    factories.fill(market)

    done = factories.decide(request)

    assert done.status == "failed"
    assert "9,000.00 EUR" in done.outcome
    assert line(market)[0] == 20000


BAD: list[dict[str, Any]] = [
    {"currency": "EUR"},
    {"currency": "XXX", "credit": "5"},
    {"currency": "EUR", "credit": 5},
    {"currency": "EUR", "credit": "-5"},
    {"currency": "EUR", "credit": "0.001"},
    {"currency": "EUR", "credit": "1e5"},
    {"currency": "EUR", "credit": "5", "more": 1},
]


@pytest.mark.parametrize("details", BAD)
def test_details_that_make_no_sense(market: Market, details: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        factories.propose("credit.change", market.client.ref, **details)


def test_only_clients_have_lines_and_what_holds_is_no_change(market: Market) -> None:
    with pytest.raises(NotFound):
        factories.propose("credit.change", market.meridian.ref, currency="EUR", credit="5")
    with pytest.raises(SameCredit):
        factories.propose("credit.change", market.client.ref, currency="EUR", credit="0")
    with pytest.raises(NotFound):
        factories.propose(
            "credit.change", market.client.ref, by=factories.narrowed(factories.user("ops")), currency="EUR", credit="5"
        )


def test_who_decides_sees_the_line_and_what_is_taken(market: Market) -> None:
    factories.credit(market.client, "20000")
    factories.fill(market)
    lines = acts.act_of("credit.change").describe(market.client.ref, {"currency": "EUR", "credit": "30000"})

    assert [(one.now, one.after) for one in lines[1:]] == [
        ("20,000.00 EUR", "30,000.00 EUR"),
        ("9,000.00 EUR", "9,000.00 EUR"),
    ]


# --- what the database refuses -------------------------------------------------------------------


def test_nobody_sets_a_line_alone_nor_another_than_was_signed(market: Market) -> None:
    with refused(f"MN40 .*{TWO}"):
        sql("update settlement_ledgeraccount set credit_minor = 5 where kind = 'client'")
    with refused("MN40"):
        sql(
            "insert into settlement_ledgeraccount (code, kind, asset_id, normal, counterparty_id, is_cached,"
            " credit_minor) values ('client:mine', 'client', 'EUR', 'C', %s, true, 5)",
            market.client.pk,
        )
    request = factories.propose("credit.change", market.client.ref, currency="EUR", credit="5")
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    with refused("MN40"):
        execute_by_hand(request, factories.founders()[1])
        sql("update settlement_ledgeraccount set credit_minor = 501 where code = %s", f"client:{market.client.ref}:EUR")
    with refused("MN40"):
        execute_by_hand(request, factories.founders()[1])
        sql("update settlement_ledgeraccount set credit_minor = 500 where code = %s", f"lp:{market.meridian.ref}:EUR")


def test_verification_finds_a_line_nobody_carried(market: Market, owner: Any) -> None:
    owner.execute("alter table settlement_ledgeraccount disable trigger user")
    owner.execute("update settlement_ledgeraccount set credit_minor = 7 where code like 'client:%:EUR'")
    owner.execute("alter table settlement_ledgeraccount enable trigger user")

    assert [one.where for one in verification.check()] == [f"client:{market.client.ref}:EUR"]
