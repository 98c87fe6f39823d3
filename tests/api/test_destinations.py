"""Addresses and bank accounts over REST: asked for, decided by two, ended."""

from typing import Any

import pytest

from tests import factories
from tests.api.money_programs import (
    CLIENT,
    IBAN,
    LP,
    NEW_ACCOUNT,
    NEW_ADDRESS,
    OTHER_IBAN,
    TRON,
    WHY,
    Person,
    ask,
    money_market,
    post,
)
from tests.api.parties import Program, code_of
from tests.factories import Market
from users.models import AuditEvent


@pytest.fixture
def market(db: None) -> Market:
    return money_market()


@pytest.fixture
def tara(market: Market) -> Program:
    return Program(market.tara, CLIENT)


@pytest.fixture
def leo(market: Market) -> Program:
    return Program(market.leo, LP)


@pytest.fixture
def olga(market: Market) -> Person:
    return Person(factories.user("ops"))


def test_a_party_asks_for_an_address_and_two_people_decide(market: Market, tara: Program, olga: Person) -> None:
    made, again = (
        post(tara, "addresses", NEW_ADDRESS, "cold-store-1"),
        post(tara, "addresses", NEW_ADDRESS, "cold-store-1"),
    )

    assert (made.status_code, made.json()) == (201, again.json())
    row = made.json()
    assert (row["status"], row["address"], row["looks_like"]) == ("asked", TRON, [])
    assert code_of(post(tara, "addresses", NEW_ADDRESS | {"label": "Hot"}, "cold-store-1")) == (409, "key_reused")
    assert code_of(post(tara, "addresses", NEW_ADDRESS)) == (409, "destination_known")
    assert code_of(ask(tara, destination=row["ref"])) == (400, "no_such_destination")

    factories.carry("address.add", row["ref"], chain="tron", address=TRON, cooling_hours=24)
    seen = tara.get(f"addresses/{row['ref']}").json()
    assert seen["status"] == "approved"
    assert seen["usable_from"] > seen["approved_at"]
    assert tara.get("addresses", status="approved").json()["items"][0]["ref"] == row["ref"]
    assert olga.get(f"addresses/{row['ref']}").json()["asked_by"] == tara.user.username
    assert post(tara, "addresses", NEW_ADDRESS, "cold-store-1").json()["status"] == "approved"


def test_an_address_that_looks_like_an_own_one_is_told(market: Market, tara: Program, leo: Program) -> None:
    first = post(tara, "addresses", {"chain": "simulated", "address": "abcd-our-own-wxyz"}).json()
    planted = {"chain": "simulated", "address": "ABCD-planted-WXYZ"}

    assert post(tara, "addresses", planted).json()["looks_like"] == [first["ref"]]
    assert post(leo, "addresses", planted).json()["looks_like"] == []  # what others have is not told


def test_operations_ask_in_a_partys_name_and_for_the_desk(market: Market, tara: Program, olga: Person) -> None:
    made = post(olga, "addresses", NEW_ADDRESS | {"party": market.meridian.ref}).json()
    assert (made["reader"], made["counterparty"]) == ("desk", market.meridian.ref)
    own = NEW_ACCOUNT | {"party": "desk", "number": IBAN}
    assert post(olga, "bank-accounts", own).json()["counterparty"] is None
    assert code_of(post(olga, "addresses", NEW_ADDRESS)) == (404, "not_found")  # nobody named
    assert code_of(post(tara, "addresses", NEW_ADDRESS | {"party": market.meridian.ref})) == (404, "not_found")
    assert code_of(post(tara, "bank-accounts", own)) == (403, "missing_scope")


def test_a_party_asks_for_a_bank_account_and_ends_it(tara: Program, olga: Person) -> None:
    made = post(tara, "bank-accounts", NEW_ACCOUNT, "euros-account-1")
    again = post(tara, "bank-accounts", NEW_ACCOUNT | {"number": " ".join(OTHER_IBAN)}, "euros-account-1")

    assert (made.status_code, made.json()) == (201, again.json())
    ref = made.json()["ref"]
    assert (made.json()["number"], made.json()["status"]) == (OTHER_IBAN, "asked")
    assert code_of(post(tara, "bank-accounts", NEW_ACCOUNT | {"bank": "Other"}, "euros-account-1")) == (
        409,
        "key_reused",
    )
    ended = tara.post(f"bank-accounts/{ref}/ending", {})
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    assert code_of(tara.post(f"bank-accounts/{ref}/ending", {})) == (409, "destination_ended")
    assert [row["ref"] for row in tara.get("bank-accounts", status="ended").json()["items"]] == [ref]
    assert len(olga.get("bank-accounts").json()["items"]) == 3  # the desk's own, too


def test_the_desk_says_why_it_ends_one(market: Market, olga: Person) -> None:
    path = f"addresses/{market.address.ref}/ending"
    assert code_of(olga.post(path, {})) == (400, "reason_too_short")
    assert olga.post(path, WHY).json()["status"] == "ended"
    assert AuditEvent.objects.get(name="address.ended").reason == WHY["reason"]


def test_what_may_be_no_destination(market: Market, tara: Program) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"address": TRON[:-1] + "u"}, "bad_address"),
        ({"chain": "bitcoin"}, "unknown_chain"),
        ({"address": "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"}, "forbidden_address"),
        ({"address": ""}, "malformed"),
        ({"label": "x" * 65}, "malformed"),
        ({"party": "somebody"}, "malformed"),
    ]
    for body, code in bad:
        assert code_of(post(tara, "addresses", NEW_ADDRESS | body)) == (400, code)
    bad = [
        ({"number": "DE88370400440532013000"}, "bad_iban"),
        ({"number": "?", "is_iban": False}, "bad_account_number"),
        ({"bic": "NO"}, "bad_bic"),
        ({"holder": "   "}, "incomplete_account"),
        ({"currency": "USDT"}, "no_such_currency"),
        ({"holder": "x" * 141}, "malformed"),
    ]
    for body, code in bad:
        assert code_of(post(tara, "bank-accounts", NEW_ACCOUNT | body)) == (400, code)
    assert code_of(post(tara, "bank-accounts", NEW_ACCOUNT | {"label": "main"})) == (409, "label_taken")
