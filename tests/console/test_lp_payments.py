"""The console shows what stands with LPs and since when, nets it, and leads to the act that pays it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement import balances, lp_positions, operations
from settlement.models import LpPayment
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_money import REASON, propose, text
from tests.factories import Market
from trading.lib import clock
from users.models import ApprovalRequest, Role, User

TRANSACTION = "0x" + "ab" * 32


@pytest.fixture
def market(db: None) -> Market:
    made = factories.market()
    factories.fill(made)
    return made


def net(browser: Client, market: Market, currency: str, direction: str, **fields: str) -> object:
    usual = {"amount": "", "until": "", "key": factories.unique("key")}
    address = f"/lp-positions/{market.meridian.ref}/{currency}/{direction}/"
    return browser.post(address, usual | fields, follow=True)


def test_positions_say_who_owes_what_since_when_the_oldest_first(market: Market, olga: User) -> None:
    now = clock.now()
    by_currency = {one.unit.code: one.amount for one in balances.of_lp(market.meridian)}
    found = {one.asset.code: one for one in lp_positions.positions(reader=olga, now=now)}

    assert {code: one.amount for code, one in found.items()} == by_currency
    assert (found["EUR"].direction, found["USDT"].direction) == ("out", "in")
    assert all(now - one.since < timedelta(minutes=5) and not one.urgency for one in found.values())
    later = lp_positions.positions(reader=olga, now=now + timedelta(days=4))
    assert {one.urgency for one in later} == {"late"}


def test_age_is_that_of_the_oldest_trade_left_when_the_oldest_were_paid_first(market: Market, olga: User) -> None:
    bank = factories.account(market.meridian)
    first = {one.asset.code: one for one in lp_positions.positions(reader=olga, now=clock.now())}["EUR"]
    factories.fill(market)
    netting = operations.Netting(market.meridian.ref, "EUR", "out", bank.ref, first.amount)
    row = operations.request_lp_payment(netting=netting, actor=olga, key="one", now=clock.now())
    details = {"amount": f"{row.amount:.2f}", "currency": "EUR", "destination": bank.ref}
    factories.carry("lp_payment.approve", row.ref, **details)
    operations.record_lp_sent(ref=row.ref, bank_reference="OUT", actor=olga, now=clock.now())

    left = {one.asset.code: one for one in lp_positions.positions(reader=olga, now=clock.now())}["EUR"]
    assert left.amount == first.amount
    assert left.since > first.since


def test_what_the_desk_owes_is_netted_proposed_sent_and_confirmed(console: Client, market: Market) -> None:
    bank = factories.account(market.meridian, label="LP's own")
    page = text(console.get("/lp-positions/"))
    assert f"/lp-positions/{market.meridian.ref}/EUR/out/" in page
    assert "LP&#x27;s own" in text(console.get(f"/lp-positions/{market.meridian.ref}/EUR/out/"))

    net(console, market, "EUR", "out", way=bank.ref, amount="1,000.50")
    row = LpPayment.objects.get()
    assert (row.amount, row.account) == (Decimal("1000.50"), bank)
    assert row.ref in text(console.get("/lp-positions/"))
    propose(console, row.ref, "lp_payment.approve")
    assert factories.decide(ApprovalRequest.objects.get(act="lp_payment.approve")).status == "executed"
    console.post(f"/money/{row.ref}/steps/sending/", {"bank_reference": "SEPA-1"}, follow=True)
    console.post(f"/money/{row.ref}/steps/confirmation/", follow=True)

    row.refresh_from_db()
    assert (row.status, row.reference) == ("confirmed", "SEPA-1")
    assert "SEPA-1" in text(console.get("/lp-positions/?state=confirmed"))


def test_what_an_lp_paid_is_proposed_with_what_came(console: Client, market: Market) -> None:
    net(console, market, "USDT", "in", way=market.wallet.name)
    row = LpPayment.objects.get()

    refused = propose(console, row.ref, "lp_payment.receive", amount="1e5", reference=TRANSACTION)
    propose(console, row.ref, "lp_payment.receive", amount="10,000.5", reference=TRANSACTION)

    assert refused.status_code == 422
    request = ApprovalRequest.objects.get(act="lp_payment.receive")
    assert request.payload == {"amount": "10000.5", "currency": "USDT", "reference": TRANSACTION}


def test_a_payment_is_declined_by_one_with_a_reason(console: Client, market: Market) -> None:
    net(console, market, "USDT", "in", way=market.wallet.name)
    row = LpPayment.objects.get()

    console.post(f"/money/{row.ref}/steps/refusal/", {"reason": REASON}, follow=True)

    row.refresh_from_db()
    assert (row.status, row.reason) == ("declined", REASON)


@pytest.mark.parametrize(
    "fields", [{"amount": "10,000,000"}, {"amount": "much"}, {"way": "BNK-NONE"}, {"until": "2020-01-01"}, {"way": ""}]
)
def test_what_cannot_be_netted_says_so_and_writes_nothing(
    console: Client, market: Market, fields: dict[str, str]
) -> None:
    usual = {"way": factories.account(market.meridian).ref}
    answer = net(console, market, "EUR", "out", **(usual | fields))

    assert getattr(answer, "status_code", 0) in {409, 422}
    assert not LpPayment.objects.exists()


def test_who_only_looks_is_offered_no_netting_and_others_see_nothing(market: Market, olga: User) -> None:
    auditor = verified_client(scene.person("aldo", Role.AUDITOR))
    assert "/EUR/out/" not in text(auditor.get("/lp-positions/"))
    assert auditor.get(f"/lp-positions/{market.meridian.ref}/EUR/out/").status_code == 403
    elsewhere = verified_client(factories.narrowed(olga))
    assert "Everything between the desk and its LPs is even." in text(elsewhere.get("/lp-positions/"))
    assert elsewhere.get(f"/lp-positions/{market.meridian.ref}/EUR/out/").status_code == 404


def test_page_costs_the_same_queries_for_few_and_many(console: Client, market: Market) -> None:
    counts = []
    for _ in range(2):
        console.get("/lp-positions/")
        with CaptureQueriesContext(connection) as asked:
            console.get("/lp-positions/")
        counts.append(len(asked))
        for number in range(3):
            net(console, market, "USDT", "in", way=market.wallet.name, amount=f"{number + 1}")

    assert counts[0] == counts[1] <= 15


def test_it_speaks_persian(console: Client, market: Market, olga: User) -> None:
    olga.language = "fa"
    olga.save(update_fields=["language"])

    assert "حساب تأمین‌کنندگان" in text(console.get("/lp-positions/"))
