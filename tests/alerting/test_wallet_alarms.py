"""Operations hears at once of a wallet that stopped by itself and of a payment that its chain undid; once each."""

import pytest
from django.db import transaction

from settlement import operations
from tests import factories
from tests.alerting.test_evidence import AMIR, started
from tests.bot.scene import TARA, Scene
from trading.lib import clock
from users import audit


class _Payment:
    ref = "TRF-AAAA2222"


def told(scene: Scene, who: int) -> list[str]:
    scene.work()
    return [one["text"] for one in scene.look(who) if "wallet is paused" in one["text"]]


@pytest.fixture(autouse=True)
def amir(scene: Scene) -> None:
    """One of operations, who can be written to."""
    started(scene, factories.user("ops"))
    scene.work()
    scene.look(AMIR)


def test_operations_is_told_of_a_paused_wallet_once_and_clients_are_not(scene: Scene) -> None:
    wallet = scene.market.wallet

    for _ in range(2):
        operations.pause_wallet(wallet_id=wallet.pk, reason="nonce_moved", now=clock.now())

    (heard,) = told(scene, AMIR)
    assert "A wallet is paused" in heard
    assert wallet.name in heard
    assert "nonce_moved" in heard
    assert told(scene, TARA) == []


def test_operations_is_told_of_a_payment_that_its_chain_undid(scene: Scene) -> None:
    change = audit.Change(after={"wallet": "hot-1", "of": "STL-AAAA2222"}, reason="deep_reorg")
    with transaction.atomic():
        audit.record("transfer.undone", actor=None, subject=_Payment(), at=clock.now(), change=change)

    (heard,) = told(scene, AMIR)
    assert "TRF-AAAA2222 · hot-1 · deep_reorg" in heard


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("transfer.nonce_filled", "A payment in review left a gap: an empty transaction fills it."),
        ("deposit.undone", "A deposit that was final is not on its chain any more."),
    ],
)
def test_operations_is_told_of_what_the_desk_does_by_itself(scene: Scene, name: str, says: str) -> None:
    change = audit.Change(after={"wallet": "hot-1"}, reason="signed_bytes_differ")
    with transaction.atomic():
        audit.record(name, actor=None, subject=_Payment(), at=clock.now(), change=change)
    scene.work()

    (heard,) = [one["text"] for one in scene.look(AMIR) if says in one["text"]]
    assert "TRF-AAAA2222 · hot-1 · signed_bytes_differ" in heard
    assert [one for one in scene.look(TARA) if says in one["text"]] == []
