"""The ledger is corrected by two people, exactly as they signed, and no balance falls below its floor."""

from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError

from settlement import ledger, verification
from settlement.ledger import InsufficientBalance, Leg, Posting, desk, of
from settlement.models import Journal
from settlement.own_acts.adjusting import LEDGER, AdjustLedger
from tests import factories
from tests.factories import Market
from tests.probes import refused
from tests.settlement.books import assert_books_are_right, books
from trading.lib.errors import NotFound
from users import acts
from users.errors import MayNotPropose
from users.models import ApprovalRequest, AuditEvent
from users.own_acts.base import BadPayload

ACT = "ledger.adjust"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="100", usdt="0")


def details(market: Market, **other: Any) -> dict[str, Any]:
    """Ten euros and a half from suspense to the client."""
    eur = market.eur.unit
    usual = {"debit": desk("suspense", eur), "credit": of(market.client, eur), "amount": "10.50"}
    return usual | {"evidence": "BANK-2026-118, page 3"} | other


def test_correction_is_booked_once_with_its_evidence(market: Market) -> None:
    before = books()

    done = factories.carry(ACT, market.client.ref, **details(market))

    moved = {code: minor - before.get(code, 0) for code, minor in books().items() if minor != before.get(code, 0)}
    assert moved == {details(market)["debit"]: 1050, details(market)["credit"]: -1050}
    assert Journal.objects.get(kind="adjust").key == f"adjust:{done.ref}"
    assert AuditEvent.objects.get(name="ledger.adjusted").after["evidence"] == "BANK-2026-118, page 3"
    assert_books_are_right()
    assert [one for one in verification.check() if "booked" in one.what] == []


def test_balance_never_falls_below_its_floor(market: Market) -> None:
    """Who proposes it is told at once; what was used between proposal and decision fails the request."""
    taken = details(market)
    taken |= {"debit": taken["credit"], "credit": taken["debit"]}
    with pytest.raises(InsufficientBalance):
        factories.propose(ACT, market.client.ref, **taken | {"amount": "100.01"})
    request = factories.propose(ACT, market.client.ref, **taken | {"amount": "100.00"})
    ledger.post(Posting("used", "hold", "meanwhile", ledger.hold(taken["debit"], market.eur.unit, 1)))

    done = factories.decide(request)

    assert (done.status, "does not cover" in done.outcome) == ("failed", True)
    assert not Journal.objects.filter(kind="adjust").exists()


def test_desks_own_accounts_are_corrected_without_a_party(market: Market) -> None:
    own = details(market, credit=desk("revenue", market.eur.unit))

    factories.carry(ACT, LEDGER, **own)

    assert books()[own["credit"]] == -1050
    with pytest.raises(BadPayload):
        factories.carry(ACT, market.client.ref, **own)


def test_what_makes_no_sense_is_refused(market: Market) -> None:
    eur, usdt = market.eur.unit, market.usdt.unit
    for wrong in (
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1e3"},
        {"amount": "0.001"},
        {"amount": 5},
        {"evidence": " "},
        {"debit": desk("hold", eur)},
        {"debit": desk("suspense", usdt)},
        {"debit": of(market.client, eur)},
        {"debit": of(market.meridian, eur)},
        {"debit": "nowhere"},
        {"more": "1"},
    ):
        with pytest.raises(BadPayload):
            factories.carry(ACT, market.client.ref, **details(market, **wrong))
    with pytest.raises(BadPayload):
        factories.carry(ACT, LEDGER, **details(market))
    with pytest.raises(NotFound):
        factories.carry(ACT, "CPY-NOBODY22", **details(market))


def test_who_may_not_propose(market: Market) -> None:
    for role in ("trader", "lp", "approver", "auditor"):
        with pytest.raises(MayNotPropose):
            factories.propose(ACT, market.client.ref, by=factories.user(role), **details(market))


def test_nobody_corrects_alone(market: Market) -> None:
    given = details(market)
    legs = ledger.pair_of(given["debit"], given["credit"], 1050)

    for key, kind in (("adjust:APR-NONE1234", "adjust"), ("adjust:APR-NONE1234", "other"), ("other", "adjust")):
        with refused("LG01"):
            ledger.post(Posting(key, kind, "APR-NONE1234", legs))


class Careless(AdjustLedger):
    """Books other amounts than were signed."""

    def __init__(self, *minors: int) -> None:
        self.minors = minors

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:  # noqa: ARG002 - the interface
        debit, credit = request.payload["debit"], request.payload["credit"]
        legs: list[Leg] = []
        for minor in self.minors:
            legs.extend(ledger.pair_of(debit, credit, minor))
        ledger.post(Posting(f"adjust:{request.ref}", "adjust", request.ref, tuple(legs)))
        return "done"


@pytest.mark.parametrize("minors", [(9999,), (9999, 1050), (1050, 9999)], ids=str)
def test_what_was_signed_is_what_is_booked_whatever_the_program_does(
    market: Market, monkeypatch: pytest.MonkeyPatch, minors: tuple[int, ...]
) -> None:
    """Also when the last entries of the journal alone are what was signed."""
    request = factories.propose(ACT, market.client.ref, **details(market))
    monkeypatch.setitem(acts._acts, ACT, Careless(*minors))

    with pytest.raises(DatabaseError, match="LG02"):
        factories.decide(request)
    assert not Journal.objects.filter(kind="adjust").exists()


def test_verification_sums_what_was_booked(market: Market, owner: Any) -> None:
    """Entries before those that were signed do not hide behind them; several that sum to it are it."""
    given = details(market)
    first, second = (factories.carry(ACT, market.client.ref, **given) for _each in range(2))
    owner.execute("alter table settlement_entry disable trigger user")
    for request, minors in ((first, (9999, 1050)), (second, (1000, 50))):
        owner.execute("delete from settlement_entry where journal_id = %s", [journal_of(request).pk])
        for minor in minors:
            for code, amount in ((given["debit"], minor), (given["credit"], -minor)):
                owner.execute(ENTRY, [journal_of(request).pk, amount, code])
    owner.execute("alter table settlement_entry enable trigger user")

    assert [one.where for one in verification.check() if "booked" in one.what] == [f"adjust:{first.ref}"]


ENTRY = """
insert into settlement_entry (journal_id, account_id, asset_id, layer, amount)
select %s, id, asset_id, 'P', %s from settlement_ledgeraccount where code = %s
"""


def journal_of(request: ApprovalRequest) -> Journal:
    return Journal.objects.get(key=f"adjust:{request.ref}")
