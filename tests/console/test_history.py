"""One RFQ in detail, and the history taken away as a table."""

import csv
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rfq import operations
from rfq.models import Rfq
from rfq.queries import Criteria, history
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.factories import Market
from trading.lib import clock, sheets
from trading.lib.errors import DeskError
from users.capabilities import MissingCapability
from users.models import AuditEvent, Role, User


def rows(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(text.splitlines()))


def export(client: Client, **data: str) -> list[dict[str, str]]:
    answer = client.post("/rfqs/export/", data)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return rows(answer)


def test_rfqs_are_taken_away_as_the_filters_let_them_through(console: Client) -> None:
    built = scene.build(8)

    everything = export(console, kind="rfqs")
    filled = export(console, kind="rfqs", state="filled", side="sell")

    assert [row["ref"] for row in everything] == [rfq.ref for rfq in built.rfqs]
    assert {(row["status"], row["side"]) for row in filled} == {("filled", "sell")}
    assert {row["client"] for row in everything} == {"Pars Export Co."}
    first = everything[0]
    assert (first["base_amount"], first["quote_amount"], first["currency"]) == ("12500.500000", "", "EUR")
    assert (first["quotes"], everything[1]["quotes"]) == ("0", "2")
    assert first["created_at"].endswith("+00:00")


def test_fills_are_taken_away_with_their_facts(console: Client) -> None:
    built = scene.build(8)
    fill = built.settlements[0].fill

    (*_, found) = [row for row in export(console, kind="fills") if row["ref"] == fill.ref]

    assert found["settlement"] == built.settlements[0].ref
    assert (found["lp"], Decimal(found["price"])) == ("Meridian Liquidity", fill.price)
    assert (found["decision_ms"], found["cover_bps"]) == ("2000", "")


def test_days_bound_the_copy(console: Client) -> None:
    scene.build(2)
    today = clock.now().date()
    yesterday, tomorrow = str(today - timedelta(days=2)), str(today + timedelta(days=1))

    assert len(export(console, since=yesterday, until=str(today))) == 2
    assert export(console, since=tomorrow) == []
    assert export(console, until=yesterday) == []
    assert len(export(console, since="someday")) == 2


def test_who_takes_what_is_noted_before_they_get_it(console: Client, olga: User) -> None:
    built = scene.build(4)

    console.post("/rfqs/export/", {"kind": "fills", "state": "filled", "since": "2026-01-01", "q": "pars"})

    noted = AuditEvent.objects.get(name="history.exported")
    assert (noted.actor, noted.capability) == (olga, "history.export")
    assert noted.after == {
        "kind": "fills",
        "filters": {"state": "filled", "q": "pars", "since": "2026-01-01"},
        "rows": 2,
        "up_to_id": built.settlements[-1].fill.pk,
    }


def test_names_are_no_formulas_and_numbers_stay_numbers(console: Client) -> None:
    built = scene.build(1)
    client = built.rfqs[0].counterparty
    client.name = '=HYPERLINK("http://evil.example")'
    client.save()

    assert export(console)[0]["client"] == '\'=HYPERLINK("http://evil.example")'
    assert [sheets.cell(value) for value in ("+1", "@x", "-2", "\tx", Decimal("-2.5"), -2, None, "a")] == [
        "'+1", "'@x", "'-2", "'\tx", "-2.5", "-2", "", "a",
    ]  # fmt: skip


@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 200), (Role.APPROVER, 403), (Role.ADMIN, 403)])
def test_history_is_taken_away_by_operations_and_auditors(db: None, role: str, status: int) -> None:
    client = verified_client(scene.person(f"one-{role}", role))

    assert client.post("/rfqs/export/").status_code == status
    assert ("Take the history away" in client.get("/rfqs/").content.decode()) == (status == 200)
    assert client.get("/rfqs/export/").status_code in {403, 405}


def test_operation_asks_for_the_capability_itself(db: None) -> None:
    with pytest.raises(MissingCapability):
        operations.record_history_export(
            choice=history.Choice(history.RFQS, Criteria()), actor=factories.user("approver"), now=clock.now()
        )


def test_too_many_rows_are_refused_and_nothing_is_noted(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.build(3)
    monkeypatch.setattr("rfq.operations.exporting.MOST_ROWS", 2)

    answer = console.post("/rfqs/export/")

    assert answer.status_code == 409
    assert "That is 3 rows; one copy holds 2" in answer.content.decode()
    assert not AuditEvent.objects.filter(name="history.exported").exists()


def test_scoped_reader_takes_away_what_they_serve(olga: User) -> None:
    scene.build(4)

    client = verified_client(factories.narrowed(olga))

    assert export(client, kind="rfqs") == export(client, kind="fills") == []


def test_portions_follow_each_other_without_gaps(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    built = scene.build(7)
    monkeypatch.setattr(history, "PORTION", 3)

    with CaptureQueriesContext(connection) as asked:
        found = export(console)

    assert [row["ref"] for row in found] == [rfq.ref for rfq in built.rfqs]
    portions = [query for query in asked if "LIMIT 3" in query["sql"]]
    assert len(portions) == 4


# --- one RFQ ----------------------------------------------------------------------------------


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def shown(client: Client, rfq: Rfq) -> str:
    return client.get(f"/rfqs/{rfq.ref}/").content.decode()


def having(page: str, row: str) -> str:
    """The text of one row."""
    return page.partition(f'id="{row}"')[2].partition("</tr>")[0]


def test_page_says_who_was_asked_and_what_came_of_it(market: Market, console: Client) -> None:
    silent = factories.user("lp").counterparty
    assert silent is not None
    rfq = factories.rfq(market)
    factories.quote(rfq, market.leo)
    operations.pass_rfq(rfq_ref=rfq.ref, actor=market.mina, now=clock.now())

    page = shown(console, rfq)

    assert "Answered" in having(page, f"asked-{market.meridian.ref}")
    assert "passed at" in having(page, f"asked-{market.northwind.ref}")
    assert "No answer" in having(page, f"asked-{silent.ref}")


def test_page_says_how_each_quote_ended(market: Market, console: Client) -> None:
    rfq = factories.rfq(market)
    best, second = factories.quote(rfq, market.leo, "0.92"), factories.quote(rfq, market.mina, "0.93")
    fill = factories.accept(best, market.tara)
    with pytest.raises(DeskError):
        factories.quote(rfq, market.mina, "0.91")

    page = shown(console, rfq)

    assert "Traded" in having(page, f"row-{best.ref}")
    assert "Cover" in having(page, f"row-{second.ref}")
    refused = rfq.quotes.get(status="rejected")
    assert "The RFQ was over" in having(page, f"row-{refused.ref}")
    assert best.spread_bps is not None
    assert f"{best.spread_bps:,.2f}" in having(page, f"row-{best.ref}")
    assert f"{fill.lp_spread_bps:,.2f}" in page
    assert fill.decision_ms is not None
    assert f"{fill.decision_ms:,}" in page
    assert "Ahead of the cover" in page


def test_page_says_what_was_entered_by_phone(market: Market, console: Client, olga: User) -> None:
    rfq = factories.rfq(market)
    offer = operations.Offer(rfq.ref, Decimal("0.92"), factories.unique("phone"))
    quote = operations.enter_quote(offer=offer, dealer=market.leo, actor=olga, now=clock.now())

    assert "entered by phone" in having(shown(console, rfq), f"row-{quote.ref}")


def test_page_says_why_an_rfq_was_refused(market: Market, console: Client) -> None:
    with pytest.raises(DeskError):
        factories.rfq(market, amount="1", unit="USDT")

    page = shown(console, Rfq.objects.get())

    assert "Below the client&#x27;s minimum" in page
    assert "No LP was asked." in page


def test_page_costs_the_same_for_few_and_many_lps(market: Market, console: Client) -> None:
    costs = []
    for more in (0, 3):
        for _number in range(more):
            factories.user("lp")
        rfq = factories.rfq(market)
        factories.quote(rfq, market.leo)
        shown(console, rfq)
        with CaptureQueriesContext(connection) as asked:
            shown(console, rfq)
        costs.append(len(asked))

    assert costs[0] == costs[1]
