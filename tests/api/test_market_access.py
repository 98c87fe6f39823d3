"""Clients' and LPs' programs over REST: who may what, how often, and how lists are read."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq.models import Fill
from tests import factories
from tests.api.parties import LP_SCOPES, TRADER_SCOPES, Program, Room, code_of
from trading.lib import clock
from users import operations as user_operations


@pytest.fixture
def room(db: None) -> Room:
    return Room()


# --- who may what ------------------------------------------------------------------------------

BODIES = {"quotes": {"price": "0.92"}, "pause": {"reason": "Out of the market for the afternoon."}}
CALLS = [
    ("get", "pairs", "rfq.request"),
    ("post", "rfqs", "rfq.request"),
    ("get", "rfqs", "rfq.request"),
    ("get", "rfqs/{rfq}", "rfq.request"),
    ("post", "rfqs/{rfq}/cancellation", "rfq.request"),
    ("post", "quotes/{quote}/acceptance", "rfq.accept"),
    ("post", "rfqs/{rfq}/quotes", "rfq.quote"),
    ("delete", "rfqs/{rfq}/quotes/live", "rfq.quote"),
    ("get", "quotes", "rfq.quote"),
    ("post", "quotes/{quote}/confirmation", "rfq.quote"),
    ("post", "rfqs/{rfq}/pass", "rfq.quote"),
    ("post", "heartbeat", "rfq.quote"),
    ("delete", "heartbeat", "rfq.quote"),
    ("post", "pause", "lp.own_pause"),
    ("delete", "pause", "lp.own_pause"),
    ("get", "fills", "rfq.accept"),
    ("get", "fills/{fill}", "rfq.accept"),
    ("get", "settlements", "settlement.own"),
    ("get", "settlements/{settlement}", "settlement.own"),
    ("get", "events", "rfq.request"),
]


def send(program: Program, method: str, path: str) -> Any:
    if method == "get":
        return program.get(path)
    if method == "delete":
        return program.delete(path)
    if path == "rfqs":
        return program.ask()
    if path == "heartbeat":
        return program.post(path, {"ttl_seconds": 15})
    body = next((body for end, body in BODIES.items() if path.endswith(end)), None)
    return program.post(path, body, key=factories.unique("any-key"))


def addresses(fill: Fill) -> dict[str, str]:
    return {"rfq": fill.rfq.ref, "quote": fill.quote.ref, "fill": fill.ref, "settlement": fill.settlement.ref}


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_a_service_is_no_party(room: Room, method: str, path: str, scope: str) -> None:
    robot = Program(factories.user("service"), ["audit.anchor"])

    answer = send(robot, method, path.format(**addresses(factories.fill(room.market))))

    assert code_of(answer) == (403, "not_a_party")


@pytest.mark.parametrize(("method", "path", "scope"), [call for call in CALLS if call[1] != "events"])
def test_each_call_needs_its_scope(room: Room, method: str, path: str, scope: str) -> None:
    user = room.market.leo if scope == "rfq.quote" else room.market.tara
    other = "rfq.request" if scope in {"settlement.own", "rfq.accept"} else "settlement.own"
    program = Program(user, [other])

    answer = send(program, method, path.format(**addresses(factories.fill(room.market))))

    assert code_of(answer) == (403, "missing_scope")


@pytest.mark.parametrize("call", CALLS)
def test_strangers_and_rate_limits(
    room: Room, call: tuple[str, str, str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (method, path, scope), at = call, clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)  # calls are counted by the minute, and none passes here
    path = path.format(**addresses(factories.fill(room.market)))
    user = room.leo if scope == "rfq.quote" else room.tara
    settings.API_RATE_CALLER = 1
    user.get("pairs")

    answer = send(user, method, path)
    user.text = "desk_test_nothing"
    refused = send(user, method, path)

    assert code_of(answer) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert code_of(refused) == (401, "mistyped_key")


def test_one_does_not_do_the_others_part(room: Room) -> None:
    quote = factories.quote(factories.rfq(room.market), room.market.leo)

    assert code_of(room.leo.ask()) == (403, "missing_scope")
    assert code_of(room.leo.accept(quote.ref)) == (403, "missing_scope")
    assert code_of(room.tara.quote(quote.rfq.ref)) == (403, "missing_scope")
    assert code_of(room.tara.delete(f"rfqs/{quote.rfq.ref}/quotes/live")) == (403, "missing_scope")


def test_what_is_anothers_does_not_exist(room: Room) -> None:
    fill = factories.fill(room.market)
    quote = factories.quote(factories.rfq(room.market), room.market.leo)
    stranger, rival = Program(factories.user("trader"), TRADER_SCOPES), room.mina

    assert code_of(stranger.get(f"rfqs/{quote.rfq.ref}")) == (404, "no_such_rfq")
    assert code_of(stranger.post(f"rfqs/{quote.rfq.ref}/cancellation")) == (404, "no_such_rfq")
    assert code_of(stranger.accept(quote.ref)) == (404, "no_such_quote")
    for who in (stranger, rival):
        assert code_of(who.get(f"fills/{fill.ref}")) == (404, "not_found")
        assert code_of(who.get(f"settlements/{fill.settlement.ref}")) == (404, "not_found")
        assert who.get("fills").json()["items"] == who.get("settlements").json()["items"] == []
    assert code_of(rival.delete(f"rfqs/{quote.rfq.ref}/quotes/live")) == (404, "no_such_quote")
    assert rival.get("quotes").json()["items"] == []
    assert rival.get(f"rfqs/{quote.rfq.ref}").json()["quote"] is None
    assert code_of(room.leo.get("rfqs/RFQ-ZZZZZZZZ")) == (404, "no_such_rfq")


def test_nobodys_cursor_is_anothers_row(room: Room) -> None:
    quote = factories.quote(factories.rfq(room.market), room.market.leo)
    factories.quote(factories.rfq(room.market), room.market.mina)

    assert code_of(room.mina.get("quotes", before=quote.ref)) == (400, "unknown_cursor")
    assert code_of(room.mina.get("quotes", before="QTE-ZZZZZZZZ")) == (400, "unknown_cursor")


# --- lists ---------------------------------------------------------------------------------------


def test_the_best_price_comes_first(room: Room) -> None:
    ref = room.tara.ask(side="sell", amount="1000", unit="USDT", destination=None).json()["ref"]
    room.leo.quote(ref, "0.91")
    best = room.mina.quote(ref, "0.92").json()

    seen = room.tara.get(f"rfqs/{ref}").json()

    assert [Decimal(quote["all_in_price"]) for quote in seen["quotes"]] == [Decimal("0.9181"), Decimal("0.9081")]
    assert seen["best"] == seen["quotes"][0]
    assert seen["best"]["quote"] == best["quote"]


@pytest.mark.parametrize("what", ["rfqs", "fills", "settlements"])
def test_lists_go_on_where_they_stopped(room: Room, what: str) -> None:
    for _number in range(5):
        factories.fill(room.market)

    whole = [row["ref"] for row in room.tara.get(what).json()["items"]]
    page = room.tara.get(what, limit=2).json()
    pages = [row["ref"] for row in page["items"]]
    while page["next"]:
        page = room.tara.get(what, limit=2, before=page["next"]).json()
        pages += [row["ref"] for row in page["items"]]

    assert len(whole) == 5
    assert pages == whole


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_pages_are_bounded(room: Room, limit: str) -> None:
    assert code_of(room.tara.get("rfqs", limit=limit)) == (400, "malformed")


@pytest.mark.parametrize("path", ["pairs", "rfqs", "fills", "settlements", "events", "quotes"])
def test_a_list_takes_as_many_queries_whatever_its_length(room: Room, path: str) -> None:
    taken = []
    for number in (1, 4):
        for _row in range(number):
            fill = factories.fill(room.market)
            factories.quote(factories.rfq(room.market), room.market.leo)
        for reader in (room.leo, room.tara) if path != "quotes" else (room.leo,):
            reader.get(path)
            with CaptureQueriesContext(connection) as asked:
                assert reader.get(path).status_code == 200
            taken.append(len(asked))
    del fill

    first, second = taken[: len(taken) // 2], taken[len(taken) // 2 :]
    assert first == second
    assert max(taken) <= 9


def test_people_come_in_with_their_tokens_too(room: Room) -> None:
    tokens = user_operations.issue_tokens(user=room.market.tara, address=None, now=clock.now())
    room.tara.text = tokens.access

    assert room.tara.ask().status_code == 201


def test_lp_scopes_are_enough_for_an_lp(room: Room) -> None:
    assert {"rfq.quote", "settlement.own"} == set(LP_SCOPES)
    for path in ("pairs", "rfqs", "quotes", "fills", "settlements", "events"):
        assert room.leo.get(path).status_code == 200
