"""Programs take their statements and receipts, each its own side of them."""

import csv
import io
import json

import pytest

from rfq.receipts import envelope
from rfq.receipts.envelope import Verdict
from tests import factories
from tests.api.parties import LP_SCOPES, TRADER_SCOPES, Program
from tests.factories import Market
from trading.lib import clock


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def test_statement_comes_as_csv_and_as_pdf(market: Market) -> None:
    fill = factories.settled(market)
    trader = Program(market.tara, TRADER_SCOPES)
    answer = trader.get("statements")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["ref"] for row in rows if row["record"] == "trade"] == [fill.ref]
    paper = trader.get("statements", month=f"{clock.now():%Y-%m}", format="pdf")
    assert (paper["Content-Type"], paper.content[:5]) == ("application/pdf", b"%PDF-")


@pytest.mark.parametrize(
    ("month", "code"), [("2026-13", "not_a_period"), ("2099-01", "period_ahead"), ("x", "malformed")]
)
def test_statement_of_no_month_is_refused(market: Market, month: str, code: str) -> None:
    assert Program(market.tara, TRADER_SCOPES).get("statements", month=month).json()["code"] == code


def test_each_side_has_its_own_receipt_and_others_none(market: Market) -> None:
    fill = factories.settled(market)
    for user, scopes, side in ((market.tara, TRADER_SCOPES, "client"), (market.leo, LP_SCOPES, "lp")):
        program = Program(user, scopes)
        answer = program.get(f"fills/{fill.ref}/receipt")
        found = envelope.check(answer.content)
        assert (found.verdict, found.facts["for"]) == (Verdict.VALID, side)
        assert program.get(f"fills/{fill.ref}/receipt").json() == json.loads(answer.content)
    assert Program(market.mina, LP_SCOPES).get(f"fills/{fill.ref}/receipt").status_code == 404


def test_receipt_waits_for_the_settlement_and_needs_its_scope(market: Market) -> None:
    fill = factories.fill(market)

    assert Program(market.tara, TRADER_SCOPES).get(f"fills/{fill.ref}/receipt").json()["code"] == "receipt_not_yet"
    asking = Program(market.tara, ["rfq.request"])
    assert asking.get(f"fills/{fill.ref}/receipt").json()["code"] == "missing_scope"
    assert asking.get("statements").json()["code"] == "missing_scope"
