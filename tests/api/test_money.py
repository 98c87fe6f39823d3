"""Clients' and LPs' programs and the desk's people over REST, on money: who may what, what is refused, what is read."""

from typing import Any, get_args

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq import operations as rfq_operations
from settlement import operations, tasks
from settlement.api_shapes import DepositStatus, WithdrawalStatus
from settlement.models import Deposit, Withdrawal
from settlement.operations import Receipt
from tests import factories
from tests.api.money_programs import (
    CLIENT,
    LP,
    NEW_ACCOUNT,
    NEW_ADDRESS,
    OTHER_IBAN,
    WHY,
    Person,
    announce,
    ask,
    money_market,
    post,
)
from tests.api.parties import Program, code_of
from tests.factories import REASON, Market
from trading.lib import clock
from users import operations as user_operations
from users.api import ApprovalStatus
from users.models import ApprovalRequest


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


# --- who may what --------------------------------------------------------------------------------

READS = {
    "balances": {"trader", "lp", "ops", "approver", "admin", "auditor"},
    "deposits": {"trader", "ops", "approver", "admin", "auditor"},
    "withdrawals": {"trader", "ops", "approver", "admin", "auditor"},
    "addresses": {"trader", "lp", "ops", "approver", "admin", "auditor"},
    "bank-accounts": {"trader", "lp", "ops", "approver", "admin", "auditor"},
}
WRITES = {
    "deposits": {"trader"},
    "withdrawals": {"trader"},
    "addresses": {"trader", "lp", "ops"},
    "bank-accounts": {"trader", "lp", "ops"},
    "deposits/{deposit}/cancellation": {"trader", "ops"},
    "withdrawals/{withdrawal}/cancellation": {"trader"},
    "addresses/{address}/ending": {"trader", "lp", "ops", "approver", "admin"},
    "bank-accounts/{account}/ending": {"trader", "lp", "ops", "approver", "admin"},
}
BODIES: dict[str, Any] = {"deposits": {"currency": "EUR", "amount": "5"}, "ending": WHY}
OUTSIDE = {"missing_capability", "not_a_party"}


def everybody(market: Market) -> dict[str, Program]:
    """Somebody of each role; the trader and the dealer belong to the market's client and LP."""
    people: dict[str, Program] = {"trader": Person(market.tara), "lp": Person(market.leo)}
    people |= {role: Person(factories.user(role)) for role in ("ops", "approver", "admin", "auditor")}
    return people | {"service": Program(factories.user("service"), ["audit.anchor"])}


def test_every_role_may_what_the_table_says_and_sees_nothing_of_others(market: Market, tara: Program) -> None:
    refs = {"deposit": announce(tara).json()["ref"], "withdrawal": ask(tara).json()["ref"]}
    refs |= {"address": market.address.ref, "account": factories.account(market.client, OTHER_IBAN).ref}
    bodies = BODIES | {
        "withdrawals": {"currency": "USDT", "amount": "5", "destination": market.address.ref},
        "addresses": NEW_ADDRESS,
        "bank-accounts": NEW_ACCOUNT,
    }
    people = everybody(market)
    rest = {role: people.pop(role) for role in ("trader", "lp")}

    for path, may in READS.items():
        for role, program in (people | rest).items():
            answer = program.get(path)
            assert (answer.status_code == 200) == (role in may), (path, role, answer.content)
            assert answer.status_code == 200 or code_of(answer)[1] in {*OUTSIDE, "missing_scope"}
    for path, may in WRITES.items():
        body = bodies.get(path.rsplit("/", 1)[-1])
        for role in (*(role for role in people if role not in may), *({"lp"} - may)):
            answer = post((people | rest)[role], path.format(**refs), body)
            assert answer.status_code == 403, (path, role, answer.content)
    # An LP and a client with nothing of these: each row and each act on it is as if it were not there.
    stranger = Person(factories.user("trader"))
    for program, names in ((rest["lp"], ("address", "account")), (stranger, tuple(refs))):
        for name in names:
            place = {"address": "addresses", "account": "bank-accounts"}.get(name, f"{name}s")
            assert code_of(program.get(f"{place}/{refs[name]}")) == (404, "not_found")
            assert refs[name] not in program.get(place).content.decode()
            act, sent = ("ending", WHY) if place in {"addresses", "bank-accounts"} else ("cancellation", None)
            assert code_of(program.post(f"{place}/{refs[name]}/{act}", sent)) == (404, "not_found")
    for program in (rest["lp"], stranger):
        assert code_of(program.get(f"balances/{market.client.ref}")) == (404, "not_found")
        assert [row["counterparty"] for row in program.get("balances").json()["items"]] == [
            program.user.counterparty.ref  # type: ignore[union-attr]
        ]


def test_each_scope_is_needed(market: Market) -> None:
    for path in READS:
        scope = {"addresses": "destination.own", "bank-accounts": "destination.own"}.get(path, f"{path[:-1]}.own")
        others = [one for one in CLIENT if one != scope]
        assert code_of(Program(market.tara, others).get(path)) == (403, "missing_scope")


def test_the_desk_sees_whom_it_serves(market: Market, tara: Program, olga: Person) -> None:
    refs = [announce(tara).json()["ref"], ask(tara).json()["ref"], market.address.ref]
    outside = Person(factories.narrowed(factories.user("ops")))

    for place, ref in zip(("deposits", "withdrawals", "addresses"), refs, strict=True):
        (row,) = olga.get(place).json()["items"]
        assert (row["ref"], row["reader"]) == (ref, "desk")
        assert outside.get(place).json()["items"] == []
        assert code_of(outside.get(f"{place}/{ref}")) == (404, "not_found")
    assert code_of(outside.get(f"balances/{market.client.ref}")) == (404, "not_found")
    assert code_of(outside.post(f"deposits/{refs[0]}/cancellation")) == (404, "not_found")
    new = NEW_ADDRESS | {"party": market.client.ref}
    assert code_of(post(outside, "addresses", new)) == (404, "not_found")


# --- balances ------------------------------------------------------------------------------------


def test_balances_say_what_is_posted_held_free_and_lent(market: Market, tara: Program, olga: Person) -> None:
    ask(tara, "4000")

    own = tara.get("balances").json()
    euros, usdt = own["items"][0]["balances"]
    assert own["next"] is None
    assert euros == {"asset": "EUR", "posted": "10000.00", "held": "0.00", "available": "10000.00", "credit": "0.00"}
    assert (usdt["asset"], usdt["posted"], usdt["held"]) == ("USDT", "10000.000000", "4000.000000")
    assert usdt["available"] == "6000.000000"
    for reader in (tara, olga):
        assert reader.get(f"balances/{market.client.ref}").json() == own["items"][0]


def test_what_stands_with_an_lp(market: Market, leo: Program, olga: Person) -> None:
    factories.settled(market)

    (own,) = leo.get("balances").json()["items"]
    euros, usdt = own["balances"]
    assert (own["kind"], euros["asset"], usdt["asset"]) == ("lp", "EUR", "USDT")
    assert euros["owed"].startswith("99")  # the desk owes it the euros of the client, less the mark-up
    assert usdt["owed"].startswith("-108")
    pages = olga.get("balances", limit=2).json()
    rest = olga.get("balances", limit=2, before=pages["next"]).json()
    names = {market.client.ref, market.meridian.ref, market.northwind.ref}
    assert names <= {row["counterparty"] for row in pages["items"] + rest["items"]}


# --- deposits ------------------------------------------------------------------------------------


def test_a_deposit_is_announced_once_and_followed_until_it_is_credited(tara: Program, olga: Person) -> None:
    made = announce(tara, key="deposit-of-november")
    again = announce(tara, key="deposit-of-november")

    assert (made.status_code, again.status_code, made.json()) == (201, 201, again.json())
    ref = made.json()["ref"]
    assert made.json()["pay_to"] == {
        "holder": "The desk", "number": OTHER_IBAN, "bank": "Commerzbank", "bic": "", "reference": ref,
    }  # fmt: skip
    assert Deposit.objects.count() == 1
    assert code_of(announce(tara, "1", key="deposit-of-november")) == (409, "key_reused")

    receipt = Receipt("EUR", Deposit.objects.get().announced or 0, "BANK-1", "Cedar", ref=ref)  # type: ignore[arg-type]
    operations.record_deposit(receipt=receipt, actor=olga.user, key="one", now=clock.now())
    seen = tara.get(f"deposits/{ref}").json()
    assert (seen["status"], seen["amount"], seen["pay_to"]) == ("credited", "500.25", None)
    assert seen["credited_at"]
    assert "bank_reference" not in seen
    desks = olga.get(f"deposits/{ref}").json()
    assert (desks["bank_reference"], desks["sender"], desks["entered_by"]) == ("BANK-1", "Cedar", tara.user.username)
    assert code_of(tara.post(f"deposits/{ref}/cancellation")) == (409, "illegal_transition")


def test_a_deposit_is_called_off_by_the_client_or_operations(tara: Program, olga: Person) -> None:
    for program in (tara, olga):
        ref = announce(tara).json()["ref"]
        assert program.post(f"deposits/{ref}/cancellation").json()["status"] == "cancelled"
    assert [row["status"] for row in tara.get("deposits", status="cancelled").json()["items"]] == ["cancelled"] * 2
    assert tara.get("deposits", status="announced").json()["items"] == []


def test_what_is_no_deposit(tara: Program) -> None:
    assert code_of(announce(tara, "0")) == (400, "not_an_amount")
    assert code_of(announce(tara, "1.001")) == (400, "not_an_amount")
    assert code_of(announce(tara, "5", currency="AED")) == (409, "no_bank_details")
    for bad in ("1e6", "-5", "NaN", "1,000", 5, None):
        assert code_of(announce(tara, bad)) == (400, "malformed")  # type: ignore[arg-type]
    assert code_of(tara.post("deposits", {"currency": "EUR", "amount": "5"})) == (400, "malformed")  # no key
    assert code_of(post(tara, "deposits", {"currency": "EUR", "amount": "5", "more": 1})) == (400, "malformed")
    for _number in range(10):
        announce(tara)
    assert code_of(announce(tara)) == (409, "too_many_announced")


# --- withdrawals ---------------------------------------------------------------------------------


def test_money_is_held_once_for_the_same_key(market: Market, tara: Program, olga: Person) -> None:
    made, again = ask(tara, key="payroll-november"), ask(tara, "4000.0", key="payroll-november")

    assert (made.status_code, made.json()) == (201, again.json())
    row = made.json()
    assert (row["amount"], row["fee"], row["status"]) == ("4000.000000", "0.000000", "requested")
    assert (row["destination"], row["payment"], row["reason"]) == (market.address.ref, None, None)
    assert Withdrawal.objects.count() == 1
    other = factories.address(market.client, label="Other").ref
    assert code_of(ask(tara, "1", key="payroll-november", destination=market.address.ref)) == (409, "key_reused")
    assert code_of(ask(tara, key="payroll-november", destination=other)) == (409, "key_reused")
    assert olga.get(f"withdrawals/{row['ref']}").json()["requested_by"] == tara.user.username


def test_it_is_followed_to_its_transaction(market: Market, tara: Program) -> None:
    made = ask(tara, "12.5").json()
    factories.carry(
        "withdrawal.approve", made["ref"], amount="12.500000", currency="USDT", destination=market.address.ref
    )

    operations.pay_out(withdrawal_id=Withdrawal.objects.get().pk, signer=tasks.sign, now=clock.now())

    seen = tara.get(f"withdrawals/{made['ref']}").json()
    assert (seen["status"], seen["payment"]["chain"], seen["payment"]["status"]) == ("paying", "simulated", "signed")
    assert code_of(tara.post(f"withdrawals/{made['ref']}/cancellation")) == (409, "illegal_transition")


def test_the_client_calls_it_off_and_hears_why_the_desk_declines(tara: Program, olga: Person) -> None:
    first, second = ask(tara, "1000").json()["ref"], ask(tara, "1000").json()["ref"]
    assert tara.post(f"withdrawals/{first}/cancellation").json()["status"] == "cancelled"
    operations.decline_withdrawal(ref=second, reason=REASON, actor=olga.user, now=clock.now())

    assert [row["reason"] for row in tara.get("withdrawals").json()["items"]] == [REASON, None]
    assert tara.get("balances").json()["items"][0]["balances"][1]["held"] == "0.000000"


def test_what_is_not_paid_out(market: Market, tara: Program) -> None:
    assert code_of(ask(tara, "0")) == (400, "not_an_amount")
    assert code_of(ask(tara, "1.0000001")) == (400, "not_an_amount")
    assert code_of(ask(tara, "10001")) == (409, "insufficient_balance")
    assert code_of(ask(tara, "2000000")) == (409, "over_withdrawal_limit")
    assert code_of(ask(tara, destination="ADR-ZZZZZZZZ")) == (400, "no_such_destination")
    assert code_of(ask(tara, currency="EUR")) == (400, "no_such_destination")
    for bad in ({"amount": "1e3"}, {"destination": "Main"}, {"currency": "eur"}):
        assert code_of(ask(tara, **{"amount": "5"} | bad)) == (400, "malformed")
    user_operations.link_telegram(user=market.tara, telegram_id=77001, now=clock.now())
    factories.carry("telegram.relink", market.tara.ref, telegram_id=77002)
    assert code_of(ask(tara)) == (403, "withdrawals_cooling_off")
    rfq_operations.freeze_client(client_ref=market.client.ref, actor=None, reason=REASON, now=clock.now())
    assert code_of(ask(tara)) == (403, "client_frozen")


# --- lists ---------------------------------------------------------------------------------------


def test_lists_go_on_where_they_stopped_in_as_many_queries_whatever_their_length(
    market: Market, tara: Program, olga: Person
) -> None:
    def make(number: int) -> None:
        for _row in range(number):
            announce(tara)
            ask(tara, "10", destination=market.address.ref)
            factories.asked_address(market.client)
            post(
                tara, "bank-accounts", NEW_ACCOUNT | {"number": factories.unique("ACC"), "is_iban": False, "label": ""}
            )

    def queries(program: Program, path: str) -> int:
        program.get(path)
        with CaptureQueriesContext(connection) as asked:
            assert program.get(path).status_code == 200
        return len(asked)

    make(1)
    before = {(who, path): queries(who, path) for who in (tara, olga) for path in READS}
    make(3)
    after = {(who, path): queries(who, path) for who in (tara, olga) for path in READS}

    assert before == after
    assert max(after.values()) <= 9
    for path in ("deposits", "withdrawals", "addresses", "bank-accounts"):
        whole = [row["ref"] for row in tara.get(path).json()["items"]]
        page = tara.get(path, limit=2).json()
        pages = [row["ref"] for row in page["items"]]
        while page["next"]:
            page = tara.get(path, limit=2, before=page["next"]).json()
            pages += [row["ref"] for row in page["items"]]
        assert len(whole) >= 4
        assert pages == whole
    for path in READS:
        assert code_of(tara.get(path, limit="101")) == (400, "malformed")
        assert code_of(tara.get(path, before="XXX-ZZZZZZZZ")) == (400, "unknown_cursor")
    strangers = Person(factories.user("trader"))
    theirs = tara.get("deposits").json()["items"][0]["ref"]
    assert code_of(strangers.get("deposits", before=theirs)) == (400, "unknown_cursor")


def test_the_described_states_are_those_there_are() -> None:
    assert get_args(ApprovalStatus) == tuple(ApprovalRequest.Status.values)
    assert get_args(DepositStatus) == tuple(Deposit.Status.values)
    assert get_args(WithdrawalStatus) == tuple(Withdrawal.Status.values)
