"""The console's pages of deposits, withdrawals and destinations: written down, proposed, done, and what is kept."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement import operations
from settlement.models import BankAccount, Deposit, PayoutAddress, Withdrawal
from settlement.operations import NewAddress, Wish
from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.factories import Market
from trading.lib import clock
from users.models import ApprovalRequest, Role

REASON = "Compared with the bank's statement of this morning."
IBAN = "DE89370400440532013000"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def propose(browser: Client, ref: str, act: str, **fields: object) -> Any:
    usual = {"reason": REASON, "otp_token": code(scene.TOTP_KEY), "key": factories.unique("key")}
    return browser.post(f"/money/{ref}/proposals/{act}/", usual | fields, follow=True)


def record(browser: Client, **fields: str) -> Any:
    usual = {"currency": "EUR", "amount": "1,000.50", "bank_reference": factories.unique("BANK"), "sender": "Cedar"}
    return browser.post("/deposits/new/", usual | {"key": factories.unique("key")} | fields, follow=True)


def withdrawal(market: Market) -> Withdrawal:
    account = factories.account(market.client, label="Main")
    wish = Wish("EUR", Decimal(4000), account.ref)
    return operations.request_withdrawal(wish=wish, actor=market.tara, key="one", now=clock.now())


def test_a_deposit_is_written_down_and_credited(console: Client, market: Market) -> None:
    answer = record(console, client=market.client.ref)

    made = Deposit.objects.get()
    assert (answer.status_code, made.status, made.amount) == (200, "credited", Decimal("1000.50"))
    assert "1,000.50 EUR" in text(answer)
    assert made.ref in text(console.get("/deposits/?state=credited"))


def test_what_was_typed_is_kept_when_it_is_refused(console: Client, market: Market) -> None:
    wrong = record(console, amount="1e6", client=market.client.ref, sender="Somebody")
    assert (wrong.status_code, 'value="Somebody"' in text(wrong)) == (422, True)

    record(console, client=market.client.ref, bank_reference="BANK-1")
    again = record(console, client=market.client.ref, bank_reference="BANK-1")
    assert (again.status_code, "BANK-1" in text(again)) == (409, True)
    assert Deposit.objects.count() == 1


def test_money_of_nobody_is_proposed_for_a_client(console: Client, market: Market) -> None:
    record(console, client="")
    made = Deposit.objects.get()
    assert "Confirm deposit" in text(console.get(f"/money/{made.ref}/?act=deposit.confirm"))

    propose(console, made.ref, "deposit.confirm", client=market.client.ref)

    request = ApprovalRequest.objects.get(act="deposit.confirm")
    assert request.payload["client"] == market.client.ref
    assert factories.decide(request).status == "executed"


def test_a_destination_is_entered_proposed_and_ended(console: Client, market: Market) -> None:
    entered = {"party": market.client.ref, "chain": "simulated", "address": "somewhere", "label": "Cold"}
    page = text(console.post("/destinations/addresses/new/", entered, follow=True))
    row = PayoutAddress.objects.get(address="somewhere")
    assert "somewhere" in page

    propose(console, row.ref, "address.add", cooling_hours="24")
    assert factories.decide(ApprovalRequest.objects.filter(act="address.add").latest("pk")).status == "executed"
    assert row.ref in text(console.get("/destinations/?state=approved"))
    console.post(f"/money/{row.ref}/steps/ending/", {"stop-reason": REASON, "reason": REASON})
    row.refresh_from_db()
    assert row.revoked_at is not None


def test_an_account_with_a_mistyped_number_is_not_entered(console: Client, market: Market) -> None:
    entered = {"party": "desk", "currency": "EUR", "holder": "The desk", "number": IBAN[:-1] + "1", "is_iban": "on"}
    answer = console.post("/destinations/accounts/new/", entered | {"bank": "Bank"})
    assert (answer.status_code, "no valid IBAN" in text(answer)) == (422, True)

    console.post("/destinations/accounts/new/", entered | {"bank": "Bank", "number": IBAN})
    row = BankAccount.objects.get()
    propose(console, row.ref, "bank_account.add")
    assert factories.decide(ApprovalRequest.objects.get(act="bank_account.add")).status == "executed"


def test_a_withdrawal_is_proposed_sent_and_arrives(console: Client, market: Market) -> None:
    row = withdrawal(market)
    page = text(console.get(f"/money/{row.ref}/?act=withdrawal.approve"))
    assert "DE89 3704 0044 0532 0130 00" in page

    propose(console, row.ref, "withdrawal.approve")
    assert factories.decide(ApprovalRequest.objects.get(act="withdrawal.approve")).status == "executed"
    assert console.post(f"/money/{row.ref}/steps/sending/", {"bank_reference": ""}).status_code == 422
    console.post(f"/money/{row.ref}/steps/sending/", {"bank_reference": "OUT-1"})
    console.post(f"/money/{row.ref}/steps/confirmation/")
    row.refresh_from_db()
    assert (row.status, row.bank_reference) == ("confirmed", "OUT-1")
    assert console.post(f"/money/{row.ref}/steps/confirmation/").status_code == 404
    assert row.ref in text(console.get("/withdrawals/?state=confirmed"))


def test_tabs_count_what_is_under_way(console: Client, market: Market) -> None:
    def count(room: str) -> str:
        tab = text(console.get(f"/{room}/?state=over")).partition('id="tab-all"')[2].partition("</a>")[0]
        return tab.partition('dir="ltr">')[2].partition("<")[0]

    assert (count("withdrawals"), count("deposits")) == ("0", "0")
    withdrawal(market)
    record(console, client="")
    assert (count("withdrawals"), count("deposits")) == ("1", "1")
    assert f"?q={Withdrawal.objects.get().ref}" in text(console.get(f"/money/{Withdrawal.objects.get().ref}/"))


def test_who_only_looks_sees_no_forms(market: Market) -> None:
    row = withdrawal(market)
    auditor = verified_client(scene.person("audrey", Role.AUDITOR))

    page = text(auditor.get(f"/money/{row.ref}/"))

    assert row.ref in page
    assert "/steps/" not in page
    assert auditor.post(f"/money/{row.ref}/steps/refusal/", {"reason": REASON}).status_code == 403
    assert auditor.get("/deposits/new/").status_code == 403


def test_empty_lists_say_so_and_long_ones_cost_the_same(console: Client, market: Market) -> None:
    assert "No deposits here." in text(console.get("/deposits/"))
    assert "No withdrawals here." in text(console.get("/withdrawals/"))
    assert "No bank accounts here." in text(console.get("/destinations/"))

    def queries(url: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert console.get(url).status_code == 200
        return len(seen)

    urls = ("/deposits/?state=credited", "/destinations/")
    before = [queries(url) for url in urls]
    for number in range(3):
        record(console, client=market.client.ref)
        new = NewAddress("simulated", f"somewhere-{number}")
        operations.ask_address(new=new, actor=market.tara, now=clock.now())
    assert [queries(url) for url in urls] == before


def test_what_belongs_to_others_is_not_there(market: Market) -> None:
    row = withdrawal(market)
    person = scene.person("nils", Role.OPS)
    client = verified_client(factories.narrowed(person))

    assert client.get(f"/money/{row.ref}/").status_code == 404
    assert row.ref not in text(client.get("/withdrawals/"))
    assert client.get("/money/RFQ-NOTHING1/").status_code == 404
