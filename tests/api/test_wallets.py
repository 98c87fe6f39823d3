"""Programs of the desk's people see the wallets, stop one at once, and propose that it goes on."""

from settlement import operations
from settlement.models import Wallet
from settlement.reconciliation import rounds
from tests import factories
from tests.api.conftest import Desk
from trading.lib import clock

WHY = "The signer's machine behaves oddly; nobody knows why yet."


def test_wallet_is_stopped_at_once_and_goes_on_by_two(desk: Desk) -> None:
    market = factories.market()
    name = market.wallet.name
    path = f"wallets/{name}"
    assert desk.olga.post(f"{path}/pause", {"reason": "odd"}).json()["code"] == "reason_too_short"
    stopped = desk.olga.post(f"{path}/pause", {"reason": WHY})
    assert (stopped.status_code, stopped.json()["pause_reason"]) == (200, WHY)
    assert desk.olga.post(f"{path}/pause", {"reason": WHY}).json()["code"] == "wallet_paused"
    assert desk.olga.post("wallets/no-such/pause", {"reason": WHY}).status_code == 404

    body = {"next_nonce": 0, "reason": WHY, "secondary_approver": "amir"}
    assert desk.olga.post(f"{path}/resumption", body, key="resume-wallet-0").json()["code"] == "not_reconciled"
    operations.record_reconciliation(outcome=rounds.look_at_chains(), now=clock.now())
    wrong = desk.olga.post(f"{path}/resumption", body | {"next_nonce": 5}, key="resume-wallet-1")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "nonce_differs")
    proposed = desk.olga.post(f"{path}/resumption", body, key="resume-wallet-2")
    assert proposed.status_code == 202, proposed.content
    desk.amir.decide(proposed.json()["request"], proposed.json()["digest"])
    assert Wallet.objects.get(name=name).paused_at is None

    (listed,) = desk.amir.get("wallets").json()["items"]
    assert (listed["name"], listed["balance"], listed["balance_on_chain"], listed["differences"]) == (
        name,
        "10000000.000000",
        "10000000.000000",
        [],
    )
