"""The console shows each wallet's chain beside the books, stops one at once, and leads to the act that opens it."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement import operations, pauses, tasks, wallet_limits
from settlement.models import Transfer, Wallet
from settlement.reconciliation import rounds
from settlement.wallets.base import Signed
from tests import factories, jobs
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_money import REASON, propose, text
from tests.factories import Market
from tests.settlement import chain
from tests.settlement.conftest import MovingClock, time
from trading.lib import clock
from trading.sandbox import chain as local_chain
from users.models import ApprovalRequest, Role, User

__all__ = ["time"]
EXPLORER = "https://explorer.example"
PAGES = ["/wallets/", "/transfers/", "/transfers/?state=final&q=nobody&wallet=none&before=TRF-NONE"]


@pytest.fixture
def market(db: None, time: MovingClock) -> Market:
    return factories.market()


def compare() -> None:
    operations.record_reconciliation(outcome=rounds.look_at_chains(), now=clock.now())


def pay(market: Market, number: int = 1) -> Transfer:
    for _ in range(number):
        tasks.pay(settlement_id=factories.fill(market, to=market.address).settlement_id)
        transfer = Transfer.objects.latest("pk")
        tasks.broadcast(transfer_id=transfer.pk)
    jobs.clear()
    return transfer


def test_wallet_is_shown_with_what_its_chain_said(console: Client, market: Market, time: MovingClock) -> None:
    name = market.wallet.name
    assert name in text(console.get("/wallets/"))
    pay(market)
    time.advance(5)
    compare()

    page = text(console.get(f"/money/{name}/"))

    for said in ("9,989,152.836534 USDT", "10,000,000.000000 USDT", "Nonce on chain", "Compared with its chain"):
        assert said in page
    chain.transaction(market.wallet, "a-thief", 1, nonce=1, seconds_ago=0)
    time.advance(5)
    compare()
    for address in (f"/money/{name}/", "/wallets/"):
        assert "has 0.000001 USDT less on its chain than in the books" in text(console.get(address))
    assert str(pauses.WORDS[pauses.DIFFERENCE]) in text(console.get("/wallets/"))


def test_wallet_is_paused_at_once_and_opened_by_a_proposal(console: Client, market: Market) -> None:
    name = market.wallet.name
    answer = console.post(f"/money/{name}/steps/pause/", {"reason": "because"})
    assert answer.status_code == 422
    console.post(f"/money/{name}/steps/pause/", {"reason": REASON}, follow=True)
    paused = Wallet.objects.get(name=name)
    assert (paused.pause_reason, paused.paused_by.username) == (REASON, "olga")  # type: ignore[union-attr]
    assert REASON in unescape(text(console.get("/wallets/")))

    assert propose(console, name, "wallet.resume").status_code == 409  # nobody compared it since
    compare()
    propose(console, name, "wallet.resume")
    made = ApprovalRequest.objects.get(act="wallet.resume")
    assert (made.subject_ref, made.payload, made.status) == (name, {"next_nonce": 0}, "pending")


def test_nonce_of_the_chain_has_to_be_typed(console: Client, market: Market, time: MovingClock) -> None:
    name = market.wallet.name
    chain.explain(market.wallet, chain.transaction(market.wallet, "a-thief", 1, seconds_ago=0))
    time.advance(5)
    compare()
    assert Wallet.objects.get(name=name).pause_reason == pauses.DIFFERENCE
    time.advance(1)
    compare()

    assert propose(console, name, "wallet.resume").status_code == 422
    propose(console, name, "wallet.resume", next_nonce="1")
    assert ApprovalRequest.objects.get(act="wallet.resume").payload == {"next_nonce": 1}


def test_payment_is_shown_with_its_bytes_and_where_anybody_sees_it(
    console: Client, market: Market, settings: pytest.FixtureRequest
) -> None:
    row = local_chain.settings_row("http://127.0.0.1:9") | {"explorer": EXPLORER + "/"}
    settings.EVM_CHAINS = [row]  # type: ignore[attr-defined]
    transfer = pay(market)
    attempt = transfer.attempts.get()
    page = text(console.get(f"/transfers/{transfer.ref}/"))
    for said in (bytes(attempt.raw).hex(), attempt.tx_hash, transfer.to_address, transfer.owner_ref):
        assert said in page
    assert EXPLORER not in page  # this wallet is on another chain

    usdt = market.usdt
    address = "0x52908400098527886E0F7030069857D2E4169EE7"
    operations.open_wallet(name="hot-evm", chain="ethereum", address=address, asset=usdt, now=clock.now())
    assert f'href="{EXPLORER}/address/{address}"' in text(console.get("/wallets/"))
    assert f'href="{EXPLORER}/address/{address}"' in text(console.get("/money/hot-evm/"))


def test_payments_are_found_by_state_wallet_and_text(console: Client, market: Market, time: MovingClock) -> None:
    first = pay(market)
    time.advance(5)
    tasks.track(wallet_id=first.wallet_id)
    last = pay(market)

    def shown(query: str) -> set[str]:
        page = text(console.get(f"/transfers/?{query}"))
        return {one.ref for one in (first, last) if f"row-{one.ref}" in page}

    assert shown("") == {last.ref}
    assert shown("state=final") == {first.ref}
    assert shown(f"wallet={market.wallet.name}") == {last.ref}
    for wanted in (last.ref.lower(), last.owner_ref, last.attempts.get().tx_hash, last.to_address):
        assert shown(f"q={wanted}") == {last.ref}
    assert shown("q=nobody") == set()
    assert shown(f"before={last.ref}") == set()


def test_pages_cost_the_same_queries_for_few_and_many(console: Client, market: Market) -> None:
    counts = []
    for number in (1, 6):
        ref = pay(market, number).ref
        compare()
        for url in ("/wallets/", "/transfers/", f"/transfers/{ref}/", f"/money/{market.wallet.name}/"):
            console.get(url)
            with CaptureQueriesContext(connection) as asked:
                assert console.get(url).status_code == 200
            counts.append(len(asked))
    assert counts[:4] == counts[4:]
    assert max(counts) <= 16


def test_who_looks_only_is_offered_nothing_and_who_serves_others_sees_no_payment(market: Market, olga: User) -> None:
    ref = pay(market).ref
    auditor = verified_client(scene.person("aldo", Role.AUDITOR))
    page = text(auditor.get(f"/money/{market.wallet.name}/"))
    assert "Pause the wallet" not in page
    assert auditor.post(f"/money/{market.wallet.name}/steps/pause/", {"reason": REASON}).status_code == 403
    elsewhere = verified_client(factories.narrowed(olga))
    assert "No payments here." in text(elsewhere.get("/transfers/"))
    assert elsewhere.get(f"/transfers/{ref}/").status_code == 404


def test_what_is_not_there_is_not_found(console: Client, market: Market) -> None:
    for url in ("/transfers/TRF-NONE/", "/money/no-such-wallet/"):
        assert console.get(url).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_pages_speak_persian(console: Client, market: Market, olga: User, page: str) -> None:
    olga.language = "fa"
    olga.save(update_fields=["language"])
    assert "کیف‌پول" in text(console.get(page))


def test_empty_transaction_is_on_the_page_of_its_payment_and_found_by_its_id(console: Client, market: Market) -> None:
    transfer = pay(market)
    operations.record_mismatch(transfer_id=transfer.pk, reason="signed_bytes_differ", now=clock.now())
    made = "0x" + "fe" * 32
    operations.fill_nonce(
        transfer_id=transfer.pk, number=0, signer=lambda _wallet, _transfer: Signed(b"empty", made), now=clock.now()
    )

    page = text(console.get(f"/transfers/{transfer.ref}/"))

    assert made in page
    assert "0x" + b"empty".hex() in page
    assert transfer.ref in text(console.get(f"/transfers/?q={made}&tab=review"))


def test_fields_that_an_act_brings_look_as_all_do(market: Market) -> None:
    admin = verified_client(scene.person("ada", Role.ADMIN))
    page = text(admin.get("/money/WALLETS/?act=wallet_policy.change"))

    typed = [one for one in re.findall(r"<input[^>]*>", page.partition("<main")[2]) if 'type="text"' in one]

    assert len(typed) > len(wallet_limits.FIELDS)  # the code beside them
    assert [one for one in typed if not re.search(r'class="in[" ]', one)] == []
