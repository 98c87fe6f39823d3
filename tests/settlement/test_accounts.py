"""Which accounts the ledger opens, of what kind, and how money is held on them."""

import hashlib
import json
from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from settlement import ledger
from settlement.balances import Holding
from settlement.ledger import HELD, POSTED, Leg, Posting
from settlement.models import Asset, Balance, Entry, Journal, LedgerAccount
from tests import factories
from trading.lib.money import Unit

CHF = Unit("CHF", 2)


@pytest.fixture
def francs(db: None) -> Asset:
    return Asset.objects.create(code="CHF", kind=Asset.Kind.FIAT, scale=2)


def accounts(asset: Asset) -> set[tuple[str, str, str, int | None, bool]]:
    return set(asset.accounts.values_list("code", "kind", "normal", "counterparty_id", "is_cached"))


def test_a_currency_has_the_desks_own_accounts(francs: Asset) -> None:
    ledger.open_desk_accounts(francs)

    assert accounts(francs) == {
        ("fx:CHF", "fx", "C", None, False),
        ("revenue:CHF", "revenue", "C", None, False),
        ("rounding:CHF", "rounding", "C", None, False),
        ("hold:CHF", "hold", "D", None, False),
        ("bank:CHF", "bank", "D", None, False),
        ("suspense:CHF", "suspense", "C", None, False),
        ("capital:CHF", "capital", "C", None, False),
    }


def test_a_clients_account_keeps_its_balance_and_an_lps_is_summed(francs: Asset) -> None:
    client, lp = factories.counterparty("client"), factories.counterparty("lp")

    for party in (client, lp):
        ledger.open_counterparty_accounts(party, [francs])

    assert accounts(francs) == {
        (f"client:{client.ref}:CHF", "client", "C", client.pk, True),
        (f"lp:{lp.ref}:CHF", "lp", "C", lp.pk, False),
    }


def test_accounts_that_are_there_stay_as_they_are(francs: Asset) -> None:
    client = factories.counterparty("client")
    for _twice in range(2):
        ledger.open_desk_accounts(francs)
        ledger.open_counterparty_accounts(client, [francs])

    assert LedgerAccount.objects.filter(asset=francs).count() == len(ledger.DESK_ACCOUNTS) + 1


def test_a_hold_is_a_debit_of_the_desk_against_what_is_owed_and_a_credit_against_what_there_is() -> None:
    assert ledger.hold("client:C:CHF", CHF, 7) == (Leg("hold:CHF", HELD, 7), Leg("client:C:CHF", HELD, -7))
    assert ledger.hold_hot("hot:main", CHF, 7) == (Leg("hot:main", HELD, 7), Leg("hold:CHF", HELD, -7))
    assert ledger.pair_of("a", "b", 7) == (Leg("a", POSTED, 7), Leg("b", POSTED, -7))


def test_the_hash_of_a_posting_is_of_its_kind_subject_and_legs_in_any_order() -> None:
    legs = (Leg("b", POSTED, 2), Leg("a", HELD, -2))
    expected = hashlib.sha256(json.dumps(["trade", "STL-1", [["a", HELD, -2], ["b", POSTED, 2]]]).encode()).hexdigest()

    assert Posting("one", "trade", "STL-1", legs).input_hash == expected
    assert Posting("two", "trade", "STL-1", legs[::-1], reverses=3).input_hash == expected


def test_legs_of_nothing_are_not_posted() -> None:
    posting = Posting("one", "trade", "STL-1", (*ledger.pair_of("a", "b", 5), *ledger.pair_of("c", "d", 0)), reverses=3)

    (journal,) = json.loads(ledger.as_json([posting]))

    assert journal == {
        "key": "one",
        "kind": "trade",
        "subject": "STL-1",
        "input_hash": posting.input_hash,
        "reverses": 3,
        "entries": [
            {"account": "a", "layer": POSTED, "amount": 5},
            {"account": "b", "layer": POSTED, "amount": -5},
        ],
    }


def test_other_errors_of_the_database_are_no_refusals(db: None) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"), ledger.refusals(), connection.cursor() as cursor:
        cursor.execute("select of_nothing")


def test_an_error_that_is_not_the_servers_stays_what_it_is() -> None:
    with pytest.raises(IntegrityError, match="not of the server"), ledger.refusals():
        raise IntegrityError("not of the server")


def test_rows_of_the_ledger_are_called_by_what_people_look_for(francs: Asset) -> None:
    account = LedgerAccount(code="fx:CHF", asset=francs, pk=7)

    assert (str(francs), str(account)) == ("CHF", "fx:CHF")
    assert str(Balance(account=account, posted=5, held=2)) == "7: 5 (2 held)"
    assert str(Journal(key="hold:FIL-1")) == "hold:FIL-1"
    assert str(Entry(account=account, layer=HELD, amount=-2)) == "7 H -2"


@pytest.mark.parametrize(
    ("posted", "held", "available", "used"), [("5", "2", "3", "0"), ("2", "5", "0", "3"), ("2", "2", "0", "0")]
)
def test_what_is_held_beyond_what_there_is_is_credit(posted: str, held: str, available: str, used: str) -> None:
    balance = Holding(CHF, Decimal(posted), Decimal(held), credit=Decimal(0))

    assert (balance.available, balance.credit_used) == (Decimal(available), Decimal(used))
    assert not balance.is_empty


def test_a_balance_with_nothing_to_say_is_empty() -> None:
    none = Decimal(0)

    assert Holding(CHF, none, none, none).is_empty
    assert not Holding(CHF, none, none, Decimal(1)).is_empty
