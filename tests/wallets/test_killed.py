"""
The worker killed with `kill -9` at every point of a payment on a real node: paid once, and never not at all.

The rows of the crash matrix in docs/wallets.md. First the rig shows that it notices a second payment.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settlement.models import Journal, Settlement, Transfer, Wallet
from tests import factories
from tests.factories import Market
from tests.settlement.books import assert_books_are_right, events, steps
from tests.wallets import node as nodes
from tests.wallets import rig as rigs
from tests.wallets.node import Node
from tests.wallets.preloaded import POINTS
from tests.wallets.rig import Rig

PAID = 10_847_163_466
pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def rig(django_db_setup: None, started_node: tuple[Node, str], wallet_folder: Path) -> Iterator[Callable[[], Rig]]:
    if not sys.platform.startswith("linux"):
        pytest.skip("the rig reads /proc")
    node = started_node[0]
    with rigs.started(nodes.environment(wallet_folder, node.url)) as process:
        yield lambda: Rig(process, node)


@pytest.fixture
def market(db: None, node: Node) -> Market:
    made = factories.market()
    made.address = nodes.destination(made)
    return made


@pytest.fixture
def hot(market: Market, started_node: tuple[Node, str]) -> Wallet:
    return nodes.open_wallet(started_node[1], market.usdt)


@pytest.fixture
def settlement(market: Market, hot: Wallet) -> Settlement:
    return factories.fill(market, to=market.address).settlement


def is_settled(settlement: Settlement) -> bool:
    return Settlement.objects.filter(pk=settlement.pk, status=Settlement.Status.SETTLED).exists()


def assert_paid_once(settlement: Settlement, node: Node, hot: Wallet) -> None:
    """On the chain by its logs, in the books, and by the very bytes that were stored."""
    transfer = Transfer.objects.get()
    assert node.paid(hot.address, transfer.to_address) == [PAID]
    attempt = transfer.attempts.get()
    assert node.call("eth_getTransactionReceipt", attempt.tx_hash)["status"] == "0x1"
    hot.refresh_from_db()
    assert (transfer.nonce, hot.next_nonce, int(node.call("eth_getTransactionCount", hot.address, "latest"), 16)) == (
        0,
        1,
        1,
    )
    assert steps(settlement) == ["approved", "paying", "settled"]
    assert Journal.objects.filter(kind="delivery").count() == 1
    assert events("settlement.settled") == 1
    assert_books_are_right()


def test_rig_notices_a_worker_that_pays_twice(
    rig: Callable[[], Rig], settlement: Settlement, node: Node, hot: Wallet
) -> None:
    rig().die_at("sent", kind="naive")
    rig().work_until(lambda: Transfer.objects.get().status != Transfer.Status.SIGNED, kind="naive")
    node.mine()

    assert node.paid(hot.address, Transfer.objects.get().to_address) == [PAID, PAID]
    with pytest.raises(AssertionError):
        assert_paid_once(settlement, node, hot)


# What a worker leaves that was killed there: settlement, transfer, attempt, sent to the node, delivered in the books.
LEFT: dict[str, set[tuple[str, str | None, str | None, bool, bool]]] = {
    "nonce_drawn": {("approved", None, None, False, False)},
    "signed": {("approved", None, None, False, False)},
    "committed": {("paying", "signed", "signed", False, False)},
    "sent": {("paying", "signed", "signed", True, False)},
    "marked": {("paying", "broadcast", "broadcast", True, False)},
    # the first time it was asked about it was final, or not yet
    "posted": {("paying", "broadcast", "broadcast", True, False), ("paying", "mined", "mined", True, False)},
    "final": {("settled", "final", "mined", True, True)},
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_worker_pays_once(
    rig: Callable[[], Rig], settlement: Settlement, node: Node, hot: Wallet, point: str
) -> None:
    rig().die_at(point)

    settlement.refresh_from_db()
    assert settlement.destination is not None
    transfer = Transfer.objects.first()
    attempt = transfer.attempts.get() if transfer else None
    is_sent = bool(node.paid(hot.address, settlement.destination.address)) or node.waiting() > 0
    is_delivered = Journal.objects.filter(kind="delivery").exists()
    left = (settlement.status, transfer and transfer.status, attempt and attempt.status, is_sent, is_delivered)
    assert left in LEFT[point]
    hot.refresh_from_db()
    assert hot.next_nonce == (0 if transfer is None else 1)

    rig().work_until(lambda: is_settled(settlement))
    if point == "final":
        node.mine(3)

    assert_paid_once(settlement, node, hot)
