"""The wallets' pages in a browser: sound in every look and language, on a phone, and without script."""

import pytest
from playwright.sync_api import expect

from settlement import operations, tasks
from settlement.models import Transfer, Wallet
from settlement.reconciliation import rounds
from tests import factories
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.settlement import chain
from trading.lib import clock
from users.models import User


def desk() -> list[str]:
    """A payment on its way, and a wallet that stopped itself; the pages that show them."""
    market = factories.market()
    tasks.pay(settlement_id=factories.fill(market, to=market.address).settlement_id)
    transfer = Transfer.objects.get()
    chain.transaction(market.wallet, "a-thief", 5, nonce=7)
    for _ in range(2):
        operations.record_reconciliation(outcome=rounds.look_at_chains(), now=clock.now())
    name = market.wallet.name
    return [
        "/wallets/",
        f"/money/{name}/",
        f"/money/{name}/?act=wallet.resume",
        "/transfers/",
        "/transfers/?q=nobody",
        f"/transfers/{transfer.ref}/",
    ]


@in_looks("olga", "amir")
def test_wallets_are_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    pages = desk()
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)
    for url in pages:
        page.goto(url)
        watch.check()


def test_wallet_is_stopped_without_script_on_a_phone(opened: Opener, server: str, olga: User) -> None:
    market = factories.market()
    page = sign_in(opened(java_script_enabled=False, viewport={"width": 390, "height": 844}), olga, server)

    page.goto("/")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Wallets", exact=True).click()
    page.get_by_role("link", name=market.wallet.name).click()
    page.get_by_label("Reason").fill("The signer's machine behaves oddly; nobody knows why yet.")
    page.get_by_role("button", name="Pause the wallet").click()
    expect(page.get_by_text("The signer's machine behaves oddly").first).to_be_visible()
    assert Wallet.objects.get().paused_at is not None
