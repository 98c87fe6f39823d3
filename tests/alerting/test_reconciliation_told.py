"""Operations hear at once that chain and books differ, that a wallet stopped, that a backup was restored."""

import pytest

from alerting.models import OutboundMessage
from settlement import operations
from settlement.operations.reconciling import Outcome
from settlement.reconciliation.differences import Difference
from tests import factories
from tests.bot.scene import STRANGER, Scene, link
from trading.lib import clock

OLGA = STRANGER
DIFFERS = Difference("cache", "client:A:EUR", "the cache says <1>")


@pytest.fixture
def heard(scene: Scene) -> Scene:
    scene.say(OLGA, "/start")
    link(factories.user("ops", username="olga"), OLGA)
    return scene


def told(scene: Scene) -> list[str]:
    scene.work()
    rows = OutboundMessage.objects.filter(key__startswith="event:", chat_id=OLGA, method="send").order_by("pk")
    return [row.payload["text"] for row in rows]


def record(*differences: Difference, unseen: str = "") -> None:
    found = Outcome(begun_at=clock.now(), differences=list(differences), unseen=[unseen] if unseen else [])
    operations.record_reconciliation(outcome=found, now=clock.now())


def test_difference_is_told_once_when_it_changes_and_when_it_is_over(heard: Scene) -> None:
    wallet = heard.market.wallet.name
    for _ in range(3):
        record(DIFFERS, Difference("wallet", wallet, "differs", wallet=wallet))
    first = told(heard)
    assert len(first) == 1
    assert first[0].startswith("⛔ <b>Chains and books differ in 2 places</b>")
    assert "<code>cache: client:A:EUR the cache says &lt;1&gt;</code>" in first[0]
    assert f"These wallets were paused: {wallet}." in first[0]
    assert "All transfers were halted." in first[0]
    record(DIFFERS)
    record()
    record()
    (_first, changed, over) = told(heard)
    assert "differ in 1 place<" in changed
    assert "were halted" not in changed
    assert over.startswith("✅ <b>Chains and books agree again</b>")


def test_it_is_told_that_nobody_can_look(heard: Scene) -> None:
    for number in range(8):
        record(unseen=f"hot: its chain does not answer, try {number}")
    (text,) = told(heard)
    assert text.startswith("⚠️ <b>Chains and books cannot be compared</b>\n<code>hot: its chain")


def test_restore_is_told_with_what_to_do(heard: Scene) -> None:
    wallet = heard.market.wallet
    operations.declare_restored(reason="a drill", now=clock.now())
    (restored,) = told(heard)
    assert f"Every wallet is paused: {wallet.name}." in restored
