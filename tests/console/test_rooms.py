"""Dashboard, blotter, settlements: what they show, how they page, how much they ask of the database."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rfq import operations as rfq_operations
from rfq import queries as rfq_queries
from rfq import tasks as rfq_tasks
from rfq.models import KeptReport
from rfq.queries.kept import LATE_AFTER
from settlement import queries as settlement_queries
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from trading.lib import clock
from users import operations
from users.models import AuditEvent, Counterparty, Role, User
from users.verification import Finding, Kind, Report

POLL = {"HX-Request": "true"}
BUDGET = {
    "/": 16,
    "/rfqs/": 11,
    "/settlements/": 11,
    "/lps/": 13,
    "/exposure/": 13,
}  # four say who it is, one what waits for them, one which filters they keep or what the desk lacks


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def poll_url(page: str) -> str:
    found = re.search(r'data-poll hx-get="([^"]+)"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


@pytest.mark.parametrize("room", BUDGET)
def test_rooms_cost_the_same_queries_for_few_and_many_rows(console: Client, room: str) -> None:
    counts = []
    for rows in (4, 30):
        scene.build(rows)
        console.get(room)
        with CaptureQueriesContext(connection) as asked:
            console.get(room)
        counts.append(len(asked))

    assert counts[0] == counts[1] <= BUDGET[room]


def test_the_dashboard_says_that_the_evidence_is_not_whole_until_it_is_again(console: Client) -> None:
    fault = Finding(Kind.ANCHOR, "seal 3", "is missing")
    url = poll_url(text(console.get("/")))
    for findings, is_shown in ([fault], True), ([], False):
        operations.record_verification(report=Report(findings=findings), anchored=None, now=clock.now())
        page = text(console.get(url, headers=POLL))
        assert ("The evidence is not whole" in page) == is_shown
        assert ("anchor: seal 3 is missing" in page) == is_shown


@pytest.mark.parametrize("room", ["/", "/rfqs/", "/settlements/", "/exposure/"])
def test_polls_are_empty_until_something_changes(console: Client, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = scene.build(4)
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)  # what is shown changes with the minute
    url = poll_url(text(console.get(room)))

    unchanged = console.get(url, headers=POLL)
    built.rfqs[0].move("cancelled", at=built.rfqs[0].updated_at)
    done = built.settlements[0]
    done.move("approved", at=done.updated_at)
    done.move("settled", at=done.updated_at, settled_at=at)
    changed = console.get(url, headers=POLL)

    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert changed.status_code == 200
    assert "<html" not in text(changed)
    assert poll_url(text(changed)) != url


@pytest.mark.parametrize("room", ["/", "/rfqs/", "/settlements/"])
def test_empty_desk_says_so(console: Client, room: str) -> None:
    page = text(console.get(room))

    assert "No RFQs" in page or "No settlements here." in page


def test_live_regions_hold_no_forms(console: Client) -> None:
    scene.build(8)
    for room in ("/", "/rfqs/", "/settlements/", "/lps/", "/exposure/"):
        fragment = text(console.get(f"{room}?v=old", headers=POLL))
        assert "<form" not in fragment
        assert "<input" not in fragment


def test_each_figure_counts_what_its_link_lists(console: Client) -> None:
    scene.build(16)
    page = text(console.get("/"))
    figures = re.findall(r'id="figure-(\w+)" href="([^"]+)".*?class="v"><bdi[^>]*>([\d,.]+)<', page)

    assert len(figures) == 6
    for name, url, value in figures[:4]:
        listed = text(console.get(url))
        assert len(re.findall(r"<tr data-row", listed)) == int(value), name


def test_blotter_filters_by_state_side_and_search(console: Client) -> None:
    built = scene.build(8)
    first = built.rfqs[0]

    by_state = text(console.get("/rfqs/?state=filled"))
    by_side = text(console.get("/rfqs/?side=sell"))
    by_ref = text(console.get(f"/rfqs/?q={first.ref.lower()}"))
    by_client = text(console.get("/rfqs/?q=pars"))
    nothing = text(console.get("/rfqs/?q=nobody"))

    assert by_state.count("<tr data-row") == 4
    assert by_side.count("<tr data-row") == 2
    assert by_ref.count("<tr data-row") == 1
    assert by_client.count("<tr data-row") == 8
    assert "No RFQs here." in nothing
    assert "Clear the filter" in nothing


def test_filters_nobody_knows_are_ignored(console: Client) -> None:
    scene.build(2)

    for query in ("state=%00", "side=up", "before=RFQ-NONE", "state=' or 1=1"):
        assert console.get(f"/rfqs/?{query}").status_code == 200
        assert console.get(f"/settlements/?{query}").status_code == 200


def test_older_pages_follow_by_key_without_gaps(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    built = scene.build(7)
    monkeypatch.setattr(rfq_queries.page, "__kwdefaults__", {"size": 3})
    seen: list[str] = []
    url = "/rfqs/"
    while url:
        page = text(console.get(url))
        seen += re.findall(r'id="row-(RFQ-\w+)"', page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        url = older[1].replace("&amp;", "&") if older else ""

    assert seen == [rfq.ref for rfq in reversed(built.rfqs)]


def test_settlements_show_reason_amounts_and_the_sum_of_the_page(console: Client, olga: User) -> None:
    built = scene.build(16)
    page = text(console.get("/settlements/"))
    whole = settlement_queries.page(settlement_queries.Criteria(), reader=olga, now=built.rfqs[0].created_at)

    assert "Automatic settlement is off" in page
    assert "The wallet has too little" in page
    assert f"{whole.total:,.6f}".partition(".")[0] in page
    assert f"{scene.ADDRESS[:6]}…{scene.ADDRESS[-4:]}" in page


def test_settlement_page_shows_steps_payment_entries_and_events(console: Client) -> None:
    built = scene.build(8)
    settled = next(item for item in built.settlements if item.status == "settled")
    page = text(console.get(f"/settlements/{settled.ref}/"))

    for words in ("Approved", "Settled", "bank:EUR", "settlement.opened", settled.trade_ref, "UTC"):
        assert words in page


def test_rfq_page_shows_quotes_fill_and_timeline(console: Client) -> None:
    built = scene.build(2)
    filled = next(rfq for rfq in built.rfqs if rfq.status == "filled")
    page = text(console.get(f"/rfqs/{filled.ref}/"))

    for words in ("Meridian Liquidity", "Northwind Markets", "FIL-", "STL-", "rfq.created", "quote.accepted"):
        assert words in page


def test_lps_page_links_to_each_scorecard_with_its_window(console: Client) -> None:
    scene.build(8)
    lp = Counterparty.objects.get(name="Meridian Liquidity")
    page = text(console.get("/lps/?window=30d"))
    card = text(console.get(f"/lps/{lp.ref}/?window=30d"))

    assert f'href="/lps/{lp.ref}/?window=30d"' in page
    assert 'value="?window=30d"' not in page  # what is looked up is not what is searched
    for words in ("Meridian Liquidity", "Northwind Markets", "No program"):
        assert words in page
    assert re.search(r'<a href="[^"]*window=30d" id="tab-30d" aria-current="true"', card)
    for words in ("10,000 to 100,000", "USDT/EUR", "Together", "Behind the trade"):
        assert words in card


def test_lps_pages_say_that_one_is_paused_and_why(console: Client) -> None:
    scene.build(1)
    lp = Counterparty.objects.get(name="Meridian Liquidity")
    terms = {"unsettled_cap": None, "pause_window": 5, "minimum_response_percent": 60, "maximum_reject_percent": None}
    factories.carry("lp_terms.change", lp.ref, **terms)
    reason = "It answered 2 of its last 5 requests; 60 % are asked for."
    rfq_operations.pause_lp(lp_ref=lp.ref, actor=None, reason=reason, now=clock.now())

    page, card = text(console.get("/lps/")), text(console.get(f"/lps/{lp.ref}/"))

    assert page.count("Paused</span>") == 1
    for words in (reason, "its own numbers", "the last 5 RFQs that are over", "Response below (%)"):
        assert words in card


def test_windows_nobody_knows_are_the_usual_one(console: Client) -> None:
    assert 'id="tab-7d" aria-current="true"' in text(console.get("/lps/?window=%00"))


def test_exposure_page_shows_what_is_not_settled_and_the_days(console: Client) -> None:
    built = scene.build(16)
    page = text(console.get("/exposure/"))
    live = [item for item in built.settlements if item.status not in {"settled", "cancelled"}]
    total = sum(item.base_amount for item in live)

    assert f"{total:,.6f}".partition(".")[0] in page
    assert f"{built.rfqs[0].created_at:%Y-%m-%d}" in page
    for words in ("Pars Export Co.", "Meridian Liquidity", "EUR"):
        assert words in page


@pytest.mark.parametrize("room", ["/lps/", "/exposure/"])
def test_rooms_to_look_at_are_for_the_desk_alone(db: None, room: str) -> None:
    for role in (Role.OPS, Role.APPROVER, Role.ADMIN, Role.AUDITOR):
        assert verified_client(scene.person(f"one-{role}", role)).get(room).status_code == 200
    trader = scene.person("tara", Role.TRADER, counterparty=factories.counterparty())
    assert verified_client(trader).get(room).status_code == 302


@pytest.mark.parametrize("path", ["/lps/LP-NONE/", "/rfqs/RFQ-NONE/", "/settlements/STL-NONE/"])
def test_refs_nobody_knows_are_not_found(console: Client, path: str) -> None:
    assert console.get(path).status_code == 404


def test_search_goes_to_what_a_ref_names(console: Client) -> None:
    built = scene.build(8)
    settlement = built.settlements[0]
    filled = next(rfq for rfq in built.rfqs if rfq.status == "filled")

    assert console.get(f"/search/?q={filled.ref.lower()}").headers["Location"] == f"/rfqs/{filled.ref}/"
    assert console.get(f"/search/?q= {settlement.ref} ").headers["Location"] == f"/settlements/{settlement.ref}/"
    assert (
        console.get(f"/search/?q={filled.quotes.get(status='traded').ref}").headers["Location"]
        == f"/rfqs/{filled.ref}/"
    )


def test_names_and_reasons_are_escaped(console: Client) -> None:
    built = scene.build(2)
    evil = "<script>alert(1)</script>"
    client = built.rfqs[0].counterparty
    client.name = evil
    client.save()
    AuditEvent.objects.create(
        at=built.rfqs[0].created_at,
        name="rfq.noted",
        actor_name=evil,
        subject_type="rfq",
        subject_ref=built.rfqs[0].ref,
        reason=evil,
    )

    for path in ("/", "/rfqs/", f"/rfqs/{built.rfqs[0].ref}/"):
        assert evil not in text(console.get(path))


def test_unknown_addresses_get_a_page_in_the_look(console: Client) -> None:
    answer = console.get("/no/such/room/")

    assert answer.status_code == 404
    assert "There is nothing at this address" in text(answer)


def test_a_broken_page_says_that_nothing_is_confirmed(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(**_facts: object) -> None:
        message = "out of order"
        raise RuntimeError(message)

    console.raise_request_exception = False
    monkeypatch.setattr(rfq_queries, "live_counts", break_down)

    answer = console.get("/")

    assert answer.status_code == 500
    assert "Nothing is confirmed" in text(answer)
    assert answer.headers["X-Request-ID"] in text(answer)


def test_settlements_are_found_by_ref_client_trade_and_address(console: Client) -> None:
    built = scene.build(8)
    first = built.settlements[0]

    for wanted, rows in [
        (first.ref.lower(), 1),
        (first.trade_ref, 1),
        ("pars export", 4),
        (scene.ADDRESS.lower(), 2),
        ("nobody", 0),
    ]:
        page = text(console.get("/settlements/", {"q": wanted}))
        assert page.count("<tr data-row") == rows, wanted


@pytest.mark.parametrize("room", ["/lps/", "/exposure/"])
def test_rooms_say_of_when_a_kept_report_is(console: Client, room: str) -> None:
    scene.build(4)
    fresh = text(console.get(room))
    rfq_tasks.keep_reports(timestamp=0)
    with CaptureQueriesContext(connection) as asked:
        kept = text(console.get(room))
    KeptReport.objects.update(as_of=clock.now() - LATE_AFTER, took=timedelta(0))
    late = text(console.get(room))

    assert len(asked) <= BUDGET[room]
    assert [page.count('<span class="m">As of <time') for page in (fresh, kept, late)] == [0, 1, 1]
    assert ["Not brought up to date" in page for page in (fresh, kept, late)] == [False, False, True]


def test_scorecard_of_one_says_of_when_it_is(console: Client) -> None:
    scene.build(4)
    rfq_tasks.keep_reports(timestamp=0)
    lp = Counterparty.objects.get(name="Meridian Liquidity")

    assert '<span class="m">As of <time' in text(console.get(f"/lps/{lp.ref}/"))
