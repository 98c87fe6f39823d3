"""The console releases, cancels and halts: one person where one may, a proposal where two decide."""

import pytest
from django.test import Client

from settlement import autosettle, policies, tasks
from settlement.models import PaymentCheck, Settlement
from tests import factories, jobs
from tests.console.test_money import REASON, propose, text
from tests.factories import Market
from tests.settlement import chain
from tests.settlement.test_review import nonce_taken
from tests.settlement.test_review_of_money import MAKE, signed
from users.models import ApprovalRequest


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(flag_on=False)


def test_small_settlement_is_released_by_one_person(console: Client, market: Market) -> None:
    ref = factories.fill(market).settlement.ref
    assert f"/money/{ref}/" in text(console.get(f"/settlements/{ref}/"))

    console.post(f"/money/{ref}/steps/release/", {"reason": REASON}, follow=True)

    assert Settlement.objects.get(ref=ref).status == "approved"


@pytest.mark.parametrize("act", ["settlement.release", "settlement.cancel"])
def test_release_and_cancelling_are_proposed(console: Client, market: Market, act: str) -> None:
    ref = factories.fill(market).settlement.ref

    answer = propose(console, ref, act)

    made = ApprovalRequest.objects.get(act=act)
    assert (answer.status_code, made.subject_ref, made.status) == (200, ref, "pending")
    assert Settlement.objects.get(ref=ref).status == "flagged_off"


def test_transfers_are_halted_at_once_and_resumed_by_a_proposal(console: Client, market: Market) -> None:
    console.post(f"/money/{autosettle.HALT}/steps/halt/", {"reason": REASON}, follow=True)
    assert autosettle.is_set(autosettle.HALT)

    propose(console, autosettle.HALT, "transfers.resume")

    assert ApprovalRequest.objects.get(act="transfers.resume").status == "pending"
    assert autosettle.is_set(autosettle.HALT)


def test_backlog_is_proposed_with_a_number_the_policy_allows(console: Client, market: Market) -> None:
    factories.fill(market)

    refused = propose(console, autosettle.FLAG, "backlog.release", number="51")
    propose(console, autosettle.FLAG, "backlog.release", number="5")

    assert refused.status_code == 422
    assert ApprovalRequest.objects.get(act="backlog.release").payload == {"number": 5}


def test_page_of_the_limits_shows_them(console: Client, market: Market) -> None:
    page = text(console.get(f"/money/{policies.SUBJECT}/"))

    assert "100000" in page
    assert "Two people release from (USDT)" in page


def test_payment_is_checked_and_settling_by_hand_proposed(console: Client, market: Market) -> None:
    settlement = factories.fill(market).settlement
    ref, paid = settlement.ref, chain.payment(settlement, market.wallet)
    wrong = console.post(f"/money/{ref}/steps/check/", {"transaction": "0x12"})
    assert (wrong.status_code, "no transaction id" in text(wrong)) == (422, True)
    assert "Settle by hand" not in text(console.get(f"/money/{ref}/"))

    console.post(f"/money/{ref}/steps/check/", {"transaction": paid})
    jobs.run_all(queues=["money"])
    assert "Verified" in text(console.get(f"/money/{ref}/?act=settlement.settle_manually"))
    propose(console, ref, "settlement.settle_manually")

    assert ApprovalRequest.objects.get(act="settlement.settle_manually").payload["transaction"] == paid


def test_sale_that_the_bank_paid_is_proposed_with_account_and_reference(console: Client, market: Market) -> None:
    account = factories.account(market.client)
    ref = factories.fill(market, side="sell").settlement.ref

    propose(console, ref, "settlement.settle_manually", account=account.ref, bank_reference="OUT-1")

    details = ApprovalRequest.objects.get(act="settlement.settle_manually").payload
    assert details == {"account": account.ref, "bank_reference": "OUT-1"}


def test_correction_of_the_desks_accounts_is_proposed(console: Client, market: Market) -> None:
    given = {"debit": "suspense:EUR", "amount": "10.50", "evidence": "BANK-2026-118"}
    assert "/money/LEDGER/" in text(console.get("/ledger/"))

    offered = text(console.get(f"/money/{market.client.ref}/?act=ledger.adjust"))
    assert f"client:{market.client.ref}:EUR" in offered

    propose(console, "LEDGER", "ledger.adjust", **given, credit="revenue:EUR")

    made = ApprovalRequest.objects.get(act="ledger.adjust")
    assert (made.subject_ref, made.payload) == ("LEDGER", given | {"credit": "revenue:EUR"})


def test_page_of_what_is_in_review_asks_the_chain_before_it_offers_anything(console: Client, market: Market) -> None:
    factories.turn_flag_on()
    settlement = factories.fill(market).settlement
    tasks.pay(settlement_id=settlement.pk)
    nonce_taken(market, settlement)
    assert "Pay again" not in text(console.get(f"/money/{settlement.ref}/"))

    console.post(f"/money/{settlement.ref}/steps/possibility/")
    jobs.run_all(queues=["money"])
    propose(console, settlement.ref, "settlement.resend")

    check = PaymentCheck.objects.get()
    assert ApprovalRequest.objects.get(act="settlement.resend").payload == {"check": check.ref}


def test_reversal_is_proposed_and_both_pages_show_it_with_its_evidence(console: Client, market: Market) -> None:
    factories.turn_flag_on()
    fill = factories.settled(market)
    ref = fill.settlement.ref
    disputed = factories.dispute(fill, by=market.tara)
    assert "Reverse trade" in text(console.get(f"/money/{ref}/"))
    refused = propose(console, ref, "fill.reverse", evidence="MAIL-2026-118", dispute="DSP-NOBODY22")
    assert refused.status_code == 422

    propose(console, ref, "fill.reverse", evidence="MAIL-2026-118, page 3", dispute=disputed.ref)

    request = ApprovalRequest.objects.get(act="fill.reverse")
    decided = text(console.get(f"/approvals/{request.ref}/"))
    assert "Covered" in decided
    assert "MAIL-2026-118, page 3" in decided
    factories.decide(request)
    for path in (f"/settlements/{ref}/", f"/rfqs/{fill.rfq.ref}/"):
        page = text(console.get(path))
        for word in ("Reversed", "MAIL-2026-118, page 3", request.ref, disputed.ref):
            assert word in page, (path, word)
    assert ref in text(console.get("/settlements/?state=reversed"))
    assert "Reverse trade" not in text(console.get(f"/money/{ref}/"))


@pytest.mark.parametrize(("word", "act"), [("withdrawal", "Give withdrawal up"), ("lp_payment", "Pay LP again")])
def test_pages_of_money_in_review_ask_first_as_well(console: Client, market: Market, word: str, act: str) -> None:
    factories.turn_flag_on()
    row = signed(MAKE[word](market))
    assert "Ask whether it can still happen" not in text(console.get(f"/money/{row.ref}/"))
    chain.transaction(market.wallet, "somebody", 1, nonce=row.transfers.get().nonce)
    jobs.run_all(queues=["money"])
    before = text(console.get(f"/money/{row.ref}/"))
    assert ("Ask whether it can still happen" in before, act in before) == (True, False)

    console.post(f"/money/{row.ref}/steps/possibility/")
    jobs.run_all(queues=["money"])

    assert act in text(console.get(f"/money/{row.ref}/"))
    end = f"{word}.{'give_up' if word == 'withdrawal' else 'resend'}"
    propose(console, row.ref, end)
    assert ApprovalRequest.objects.get(act=end).payload == {"check": PaymentCheck.objects.get().ref}
