"""Clients' and LPs' programs trade over REST."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from rfq import operations
from rfq.models import Fill, Heartbeat, Quote, Rfq
from tests import factories, jobs
from tests.api.parties import LP_SCOPES, TRADER_SCOPES, Program, Room, code_of
from trading.lib import clock
from users.models import Counterparty


@pytest.fixture
def room(db: None) -> Room:
    return Room()


def test_a_client_sees_pairs_and_its_limits(room: Room) -> None:
    answer = room.tara.get("pairs")

    (pair,) = answer.json()["items"]
    assert (pair["code"], pair["tick"], pair["quote_ttl_seconds"]) == ("USDT/EUR", "0.0001", 30)
    assert pair["limits"]["maximum"] == "1000000.000000"
    assert "markup" not in answer.content.decode()


def test_an_lp_sees_pairs_without_anybodys_limits(room: Room) -> None:
    assert room.leo.get("pairs").json()["items"][0]["limits"] is None


def test_ask_quote_accept(room: Room) -> None:
    asked = room.tara.ask(client_rfq_id="own-17")
    assert asked.status_code == 201, asked.content
    ref = asked.json()["ref"]
    assert (asked.json()["status"], asked.json()["quotes"]) == ("open", [])
    assert (asked.json()["amount"], asked.json()["unit"], asked.json()["destination"]) == ("10000.00", "EUR", "balance")

    (seen,) = room.leo.get("rfqs").json()["items"]
    assert (seen["ref"], seen["state"], seen["lp_side"], seen["quote"]) == (ref, "live", "sell", None)
    quoted = room.leo.quote(ref, "0.9200", ttl_seconds=60)
    assert (quoted.status_code, quoted.json()["price"], quoted.json()["status"]) == (201, "0.9200", "active")

    best = room.tara.get(f"rfqs/{ref}").json()["best"]
    assert (best["all_in_price"], best["base_amount"], best["quote_amount"]) == ("0.9219", "10847.163466", "10000.00")
    traded = room.tara.accept(best["quote"])
    assert traded.status_code == 201
    fill = traded.json()
    assert (fill["all_in_price"], fill["quote_amount"], fill["client_rfq_id"]) == ("0.9219", "10000.00", "own-17")

    assert room.tara.get(f"rfqs/{ref}").json()["fill"] == fill["ref"]
    assert room.tara.get(f"fills/{fill['ref']}").json() == fill
    of_leo = room.leo.get(f"fills/{fill['ref']}").json()
    assert (of_leo["price"], of_leo["quote_amount"], of_leo["lp_side"]) == ("0.9200", "9979.39", "sell")
    assert room.leo.get("quotes").json()["items"][0]["status"] == "traded"
    assert room.leo.get(f"rfqs/{ref}").json()["state"] == "over"
    assert room.leo.get("rfqs").json()["items"] == []


def test_settlements_show_each_party_its_own_side(room: Room) -> None:
    fill = factories.fill(room.market)
    ref = fill.settlement.ref

    of_client = room.tara.get(f"settlements/{ref}").json()
    of_lp = room.leo.get(f"settlements/{ref}").json()

    assert (of_client["status"], of_client["quote_amount"]) == ("approved", "10000.00")
    assert of_client["destination"] == room.market.address.ref
    assert of_client["payment"] is None
    assert (of_lp["status"], of_lp["quote_amount"], of_lp["fill"]) == ("open", "9979.39", fill.ref)
    assert not set(of_lp) & {"destination", "payment"}
    assert room.leo.get("settlements").json()["items"] == [of_lp]
    assert room.tara.get("settlements").json()["items"] == [of_client]


def test_both_parties_programs_read_and_hear_that_a_trade_was_reversed(room: Room) -> None:
    fill = factories.settled(room.market)
    jobs.run_all(queues=["messages"])
    factories.reversed_(fill)
    jobs.run_all(queues=["messages"])

    for program in (room.tara, room.leo):
        seen = program.get(f"settlements/{fill.settlement.ref}").json()
        assert (seen["status"], seen["reversed_at"] is None) == ("reversed", False)
        assert program.get(f"fills/{fill.ref}").json()["reversed_at"] == seen["reversed_at"]
        news = [item["data"]["status"] for item in program.events().json()["items"] if "settlement." in item["kind"]]
        assert news[-2:] == ["settled", "reversed"]
        assert "reversal" in program.get(f"fills/{fill.ref}/receipt").json()["receipt"]


# --- again, and with the same key --------------------------------------------------------------


def test_the_same_request_again_is_the_same_rfq(room: Room) -> None:
    first = room.tara.ask(key="request-1", client_rfq_id="own-1")
    again = room.tara.ask(key="request-1", client_rfq_id="own-1")

    assert (again.status_code, again.json()["ref"]) == (201, first.json()["ref"])
    assert Rfq.objects.count() == 1


def test_a_key_for_another_request_conflicts(room: Room) -> None:
    room.tara.ask(key="request-1", client_rfq_id="own-1")

    assert code_of(room.tara.ask(key="request-1", client_rfq_id="own-2")) == (409, "key_reused")
    assert code_of(room.tara.ask(key="request-2", client_rfq_id="own-1", amount="20000.00")) == (
        409,
        "client_rfq_id_conflict",
    )
    assert Rfq.objects.count() == 1


def test_another_client_may_use_the_same_key(room: Room) -> None:
    room.tara.ask(key="request-1")
    other = Program(factories.user("trader"), TRADER_SCOPES)

    assert code_of(other.ask(key="request-1")) == (403, "no_terms")


def test_the_same_quote_again_is_the_same_quote(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    first = room.leo.quote(ref, "0.92", key="quote-key-1").json()

    assert room.leo.quote(ref, "0.92", key="quote-key-1").json()["quote"] == first["quote"]
    assert code_of(room.leo.quote(ref, "0.93", key="quote-key-1")) == (409, "key_reused")
    assert Quote.objects.count() == 1


def test_a_later_quote_replaces_the_earlier_one(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    room.leo.quote(ref, "0.92")
    room.leo.quote(ref, "0.91")

    statuses = [quote["status"] for quote in room.leo.get("quotes").json()["items"]]
    assert statuses == ["active", "replaced"]
    assert len(room.tara.get(f"rfqs/{ref}").json()["quotes"]) == 1


def test_the_same_acceptance_again_is_the_same_fill(room: Room) -> None:
    quote = factories.quote(factories.rfq(room.market), room.market.leo)
    first = room.tara.accept(quote.ref, key="accept-1")

    assert room.tara.accept(quote.ref, key="accept-1").json() == first.json()
    assert code_of(room.tara.accept(quote.ref, key="accept-2")) == (409, "already_filled")
    other = factories.quote(factories.rfq(room.market), room.market.leo)
    assert code_of(room.tara.accept(other.ref, key="accept-1")) == (409, "key_reused")
    assert Fill.objects.count() == 1


@pytest.mark.parametrize("path", ["rfqs", "rfqs/{rfq}/quotes", "quotes/{quote}/acceptance"])
def test_what_creates_needs_a_key(room: Room, path: str) -> None:
    quote = factories.quote(factories.rfq(room.market), room.market.leo)
    body = {"price": "0.92"} if path.endswith("quotes") else {}

    answer = room.tara.post(path.format(rfq=quote.rfq.ref, quote=quote.ref), body)

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["fields"]


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 10000},
        {"amount": 1e4},
        {"amount": "1e4"},
        {"amount": "-5"},
        {"amount": "NaN"},
        {"amount": "1,000"},
        {"amount": "1" * 16},
        {"side": "hold"},
        {"pair": "USDT"},
        {"pair": "USDT/EUR\u0000"},
        {"unit": "eur"},
        {"client_rfq_id": ""},
        {"client_rfq_id": "x" * 65},
        {"destination": "TQ…"},
        {"surprise": 1},
        {"markup_bps": "0"},
    ],
)
def test_malformed_requests_are_refused(room: Room, changes: dict[str, Any]) -> None:
    answer = room.tara.ask(**changes)

    assert code_of(answer) == (400, "malformed")
    assert list(answer.json()["fields"]) == list(changes)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"amount": "0", "unit": "EUR"}, (400, "bad_amount")),
        ({"amount": "1.001", "unit": "EUR"}, (400, "bad_amount")),
        ({"amount": "50", "unit": "USDT"}, (400, "below_minimum")),
        ({"amount": "2000000", "unit": "USDT"}, (400, "above_maximum")),
        ({"pair": "USDT/CHF", "unit": "USDT"}, (404, "unknown_pair")),
        ({"unit": "CHF"}, (404, "unknown_pair")),
        ({"destination": "ADR-ZZZZZZZZ"}, (409, "no_address")),
    ],
)
def test_requests_that_break_a_rule_are_refused(room: Room, changes: dict[str, Any], refusal: tuple[int, str]) -> None:
    assert code_of(room.tara.ask(**changes)) == refusal


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"price": "0.92001"}, (400, "bad_price")),
        ({"price": "0"}, (400, "bad_price")),
        ({"price": 0.92}, (400, "malformed")),
        ({"price": "0.92", "ttl_seconds": 5}, (400, "bad_lifetime")),
        ({"price": "0.92", "ttl_seconds": "soon"}, (400, "malformed")),
        ({"price": "0.92", "client": "x"}, (400, "malformed")),
    ],
)
def test_quotes_that_are_none_are_refused(room: Room, body: dict[str, Any], refusal: tuple[int, str]) -> None:
    ref = room.tara.ask().json()["ref"]

    assert code_of(room.leo.post(f"rfqs/{ref}/quotes", body, key="quote-key-1")) == refusal


def test_what_is_over_is_over(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    quote = room.leo.quote(ref).json()["quote"]
    assert room.tara.post(f"rfqs/{ref}/cancellation").json()["status"] == "cancelled"

    assert code_of(room.tara.post(f"rfqs/{ref}/cancellation")) == (409, "rfq_over")
    assert code_of(room.leo.quote(ref)) == (409, "rfq_over")
    assert code_of(room.tara.accept(quote)) == (409, "rfq_over")
    assert code_of(room.leo.delete(f"rfqs/{ref}/quotes/live")) == (404, "no_such_quote")


def test_a_quote_that_was_pulled_or_replaced_is_gone(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    replaced = room.leo.quote(ref, "0.92").json()["quote"]
    pulled = room.leo.quote(ref, "0.93").json()["quote"]
    assert room.leo.delete(f"rfqs/{ref}/quotes/live").json()["status"] == "pulled"

    for quote in (replaced, pulled):
        assert code_of(room.tara.accept(quote)) == (409, "quote_gone")


def test_an_expired_quote_is_shown_to_nobody_as_firm(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = room.tara.ask().json()["ref"]
    room.leo.quote(ref, "0.92", ttl_seconds=10)
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=11))

    assert room.tara.get(f"rfqs/{ref}").json()["quotes"] == []
    assert room.leo.get(f"rfqs/{ref}").json()["quote"]["status"] == "expired"


def test_without_money_nothing_is_traded(db: None) -> None:
    room = Room(eur="0")
    quote = factories.quote(factories.rfq(room.market), room.market.leo)

    assert code_of(room.tara.accept(quote.ref)) == (409, "insufficient_balance")


def test_a_frozen_party_reads_and_does_not_trade(room: Room) -> None:
    quote = factories.quote(factories.rfq(room.market), room.market.leo)
    Counterparty.objects.update(status="frozen")

    assert code_of(room.tara.ask()) == (409, "frozen")
    assert code_of(room.tara.accept(quote.ref)) == (409, "frozen")
    assert code_of(room.leo.quote(quote.rfq.ref)) == (409, "frozen")
    assert room.tara.get("rfqs").status_code == 200


# --- being there -------------------------------------------------------------------------------


def test_a_program_that_falls_silent_has_no_quotes(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    quote = room.leo.quote(ref, ttl_seconds=60).json()["quote"]
    beat = room.leo.post("heartbeat", {"ttl_seconds": 5})
    assert beat.status_code == 200
    assert beat.json()["due_at"] > beat.json()["last_at"]

    Heartbeat.objects.update(due_at=clock.now() - timedelta(seconds=1))

    assert code_of(room.tara.accept(quote)) == (409, "quote_gone")
    jobs.hurry()
    jobs.run_all(queues=["default"])
    assert room.leo.get(f"rfqs/{ref}").json()["quote"]["status"] == "pulled"
    assert room.tara.get(f"rfqs/{ref}").json()["quotes"] == []


def test_a_program_that_leaves_takes_its_quotes_along(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    room.leo.post("heartbeat", {"ttl_seconds": 15})
    room.leo.quote(ref)

    assert room.leo.delete("heartbeat").json()["due_at"] is None
    assert room.leo.get(f"rfqs/{ref}").json()["quote"]["status"] == "pulled"
    assert room.leo.delete("heartbeat").status_code == 200


@pytest.mark.parametrize(("seconds", "code"), [(4, "bad_heartbeat"), (301, "bad_heartbeat"), (0, "malformed")])
def test_promises_are_bounded(room: Room, seconds: int, code: str) -> None:
    assert code_of(room.leo.post("heartbeat", {"ttl_seconds": seconds})) == (400, code)


def test_an_lp_passes_and_may_change_its_mind(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]

    assert room.leo.post(f"rfqs/{ref}/pass").json()["passed"] is True
    assert room.leo.post(f"rfqs/{ref}/pass").json()["passed"] is True
    assert [row["passed"] for row in room.leo.get("rfqs").json()["items"]] == [True]
    assert [row["passed"] for row in room.mina.get("rfqs").json()["items"]] == [False]
    assert room.leo.quote(ref).status_code == 201


def test_what_an_lp_was_not_asked_does_not_exist(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    late = Program(factories.user("lp"), LP_SCOPES)

    assert late.get("rfqs").json()["items"] == []
    assert code_of(late.get(f"rfqs/{ref}")) == (404, "no_such_rfq")
    assert code_of(late.post(f"rfqs/{ref}/pass")) == (404, "no_such_rfq")


def test_a_price_given_by_phone_waits_for_its_lp(room: Room) -> None:
    ref = room.tara.ask().json()["ref"]
    offer = operations.Offer(ref, Decimal("0.92"), key="by-phone-1", ttl_seconds=60)
    entered = operations.enter_quote(offer=offer, dealer=room.market.leo, actor=factories.user("ops"), now=clock.now())
    assert room.leo.get(f"rfqs/{ref}").json()["quote"]["status"] == "entered"
    assert room.tara.get(f"rfqs/{ref}").json()["quotes"] == []
    assert code_of(room.tara.accept(entered.ref)) == (409, "quote_unconfirmed")
    assert code_of(room.mina.post(f"quotes/{entered.ref}/confirmation")) == (404, "no_such_quote")

    assert room.leo.post(f"quotes/{entered.ref}/confirmation").json()["status"] == "active"
    assert room.tara.accept(entered.ref).status_code == 201


def test_refused_ones_stay_on_record_for_those_who_sent_them(room: Room) -> None:
    live = room.tara.ask().json()["ref"]
    firm = room.leo.quote(live).json()["quote"]
    over = room.tara.ask().json()["ref"]
    room.tara.post(f"rfqs/{over}/cancellation")
    room.leo.quote(over)
    room.tara.ask(amount="50", unit="USDT", client_rfq_id="too-small")

    assert room.leo.get("quotes").json()["items"][0]["refusal"] == "rfq_over"
    assert room.leo.get(f"rfqs/{over}").json()["quote"] is None
    assert room.leo.get(f"rfqs/{live}").json()["quote"]["quote"] == firm
    newest = room.tara.get("rfqs").json()["items"][0]
    assert (newest["client_rfq_id"], newest["status"], newest["refusal"]) == ("too-small", "rejected", "below_minimum")
