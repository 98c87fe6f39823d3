"""Search everywhere: an exact name leads straight there, others to what is found, and only to what one may see."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerting.models import OutboundMessage
from settlement import operations, tasks
from settlement.models import BankAccount, Deposit, Journal, Settlement, Transfer, TransferAttempt
from settlement.operations import Receipt
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_money import withdrawal
from tests.console.test_notifications import message
from tests.console.test_rooms import text
from tests.factories import Market
from tests.users.keys import issued
from trading.lib import clock
from trading.sandbox import alarms
from users.models import ApprovalRequest, Role

IBAN = "DE89370400440532013000"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def everyone(db: None) -> Client:
    """Somebody who may see all there is."""
    return verified_client(scene.person("olga", Role.OPS, Role.APPROVER, Role.AUDITOR))


def find(client: Client, words: str) -> Any:
    return client.get("/search/", {"q": words})


def found(client: Client, words: str) -> list[str]:
    """The titles of what is found, and each address under them."""
    return re.findall(r'<h2 id="hits-\d+">([^<]+)<|<a class="p" href="([^"]+)"', text(find(client, words)))


def leads(client: Client, words: str) -> str:
    answer = find(client, words)
    assert answer.status_code == 302, (words, found(client, words))
    return str(answer.headers["Location"])


def test_refs_lead_to_what_they_name(everyone: Client, market: Market) -> None:
    fill = factories.settled(market)
    receipt, dispute = factories.receipt(fill, market.tara), factories.dispute(fill)
    wants, key = withdrawal(market), issued(market.leo)
    asked, account = factories.asked_address(market.client), BankAccount.objects.get()
    alert, said = alarms.simulate("wallet_low", now=clock.now()), message(market.tara)
    request = ApprovalRequest.objects.latest("pk")

    for ref, where in [
        (fill.rfq.ref, f"/rfqs/{fill.rfq.ref}/"),
        (fill.quote.ref, f"/rfqs/{fill.rfq.ref}/"),
        (fill.ref, f"/rfqs/{fill.rfq.ref}/"),
        (receipt.ref, f"/rfqs/{fill.rfq.ref}/"),
        (fill.settlement.ref, f"/settlements/{fill.settlement.ref}/"),
        (dispute.ref, f"/disputes/{dispute.ref}/"),
        (wants.ref, f"/money/{wants.ref}/"),
        (asked.ref, f"/money/{asked.ref}/"),
        (account.ref, f"/money/{account.ref}/"),
        (key.ref, f"/users/{market.leo.ref}/"),
        (market.tara.ref, f"/users/{market.tara.ref}/"),
        (market.client.ref, f"/counterparties/{market.client.ref}/"),
        (request.ref, f"/approvals/{request.ref}/"),
        (alert.ref, f"/alerts/{alert.ref}/"),
        (said.ref, f"/notifications/{said.ref}/"),
        ("REQ-7KQ2M4TX", "/audit/?q=REQ-7KQ2M4TX"),
    ]:
        assert leads(everyone, f" {ref.lower()} ") == where


def test_hashes_references_and_addresses_lead_to_what_they_paid(everyone: Client, market: Market) -> None:
    fill = factories.fill(market, to=market.address)
    tasks.pay(settlement_id=fill.settlement_id)
    transfer, attempt = Transfer.objects.get(), TransferAttempt.objects.get()
    received = Receipt("EUR", Decimal(1000), "BANK-2026-118", "Cedar", client=market.client.ref)
    operations.record_deposit(receipt=received, actor=factories.user("ops"), key="one", now=clock.now())
    deposit, wants = Deposit.objects.get(bank_reference="BANK-2026-118"), withdrawal(market)
    assert wants.account is not None
    journal = Journal.objects.filter(subject=fill.settlement.ref).earliest("pk")
    digest = attempt.tx_hash.removeprefix("0x")

    assert leads(everyone, attempt.tx_hash) == f"/settlements/{fill.settlement.ref}/"
    assert leads(everyone, digest.upper()) == f"/settlements/{fill.settlement.ref}/"
    assert leads(everyone, transfer.ref) == f"/transfers/{transfer.ref}/"
    assert leads(everyone, "BANK-2026-118") == f"/money/{deposit.ref}/"
    assert leads(everyone, market.address.address) == f"/money/{market.address.ref}/"
    assert leads(everyone, market.wallet.name) == f"/money/{market.wallet.name}/"
    assert leads(everyone, market.wallet.address) == f"/money/{market.wallet.name}/"
    assert leads(everyone, " ".join(re.findall(".{1,4}", IBAN))) == f"/money/{wants.account.ref}/"
    assert leads(everyone, journal.key) == f"/ledger/journals/{journal.key}/"
    assert leads(everyone, "bank:EUR") == "/ledger/accounts/bank:EUR/"
    assert leads(everyone, "usdt/eur") == "/pairs/EUR/"


def test_an_evm_address_is_found_in_whatever_letters(everyone: Client, market: Market) -> None:
    made = factories.asked_address(market.client, scene.ADDRESS, chain="ethereum")
    for written in (scene.ADDRESS, scene.ADDRESS.lower(), "0x" + scene.ADDRESS[2:].upper()):
        assert leads(everyone, written) == f"/money/{made.ref}/"


def test_a_transaction_of_a_deposit_leads_to_it(everyone: Client, market: Market) -> None:
    row = Deposit(
        client=None, asset=market.usdt, amount=5, wallet=market.wallet, tx_hash="0x" + "ab" * 32, position=0,
        log_index=0, block_number=1, sender="sim-1", key="one", status="seen", created_at=clock.now(),
        updated_at=clock.now(),
    )  # fmt: skip
    row.save()
    assert leads(everyone, "AB" * 32) == f"/money/{row.ref}/"


def test_names_find_all_that_has_them_by_kind(everyone: Client) -> None:
    scene.build(8)
    page = text(find(everyone, "pars"))

    assert "Pars Export Co." in page
    assert 'href="/rfqs/?q=pars"' in page
    assert leads(everyone, "pars export co.").startswith("/counterparties/CPY-")
    assert leads(everyone, "TARA").startswith("/users/USR-")
    both = text(find(everyone, "e"))
    for title in ("Counterparties", "Users", "Wallets"):
        assert f">{title}</h2>" in both
    assert "Nothing of this name" in text(find(everyone, "nobody at all"))
    assert "Search for a client" in text(everyone.get("/search/"))


def test_the_beginning_of_a_ref_finds_those_that_begin_so(everyone: Client) -> None:
    built = scene.build(4)
    page = text(find(everyone, built.rfqs[0].ref[:5]))
    assert built.rfqs[0].ref in page
    answer = find(everyone, built.settlements[0].ref[:-1])
    assert f"/settlements/{built.settlements[0].ref}/" in text(answer)


def test_nobody_finds_what_they_may_not_see(market: Market) -> None:
    market.client.name = "Cedar Imports"
    market.client.save()
    fill = factories.settled(market)
    dispute, wants = factories.dispute(fill), withdrawal(market)
    asked = factories.asked_address(market.client, label="Cold store")
    journal = Journal.objects.filter(subject=fill.settlement.ref).earliest("pk")
    narrow = verified_client(factories.narrowed(factories.user("ops")))
    refs = [fill.rfq.ref, fill.ref, fill.settlement.ref, dispute.ref, wants.ref, asked.ref, market.tara.ref]
    names = ["cedar", market.address.address, "Cold store", IBAN, journal.key]

    for words in [*refs, *names, market.client.ref, f"client:{market.client.ref}:EUR"]:
        assert "Nothing of this name" in text(find(narrow, words)), words


def test_rooms_one_may_not_enter_are_not_searched(
    market: Market, everyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants = withdrawal(market)
    assert leads(everyone, wants.ref) == f"/money/{wants.ref}/"
    monkeypatch.setattr("users.capabilities.holds", lambda _user, name: name != "money.view")

    page = text(find(everyone, wants.ref))

    assert "Nothing of this name" in page
    assert "/transfers/?q=" not in page


def test_it_costs_the_same_for_few_and_many(everyone: Client) -> None:
    counts = []
    for rows in (4, 30):
        scene.build(rows)
        find(everyone, "e")
        with CaptureQueriesContext(connection) as asked:
            find(everyone, "e")
        counts.append(len(asked))

    assert counts[0] == counts[1] <= 20


def test_strange_texts_find_nothing_and_break_nothing(everyone: Client) -> None:
    for words in ("\0", "%", "_", "'; select 1", "RFQ-", "-", "0x", "x" * 500, "٪", "MSG-99999999999999999999"):
        assert find(everyone, words).status_code == 200, words
    assert not Settlement.objects.exists()
    assert not OutboundMessage.objects.filter(user__username="nobody").exists()
