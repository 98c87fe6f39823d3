"""Chain and books compared on a real node: while payments are on their way, and when somebody else has the key."""

import pytest

from settlement import pauses, tasks
from settlement.models import ChainReading, Outflow, Reconciliation, Settlement, Transfer, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Payment, WalletPort
from tests import factories, jobs
from tests.factories import Market
from tests.settlement.books import events
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from tests.wallets.node import Node
from tests.wallets.paying import compare

CONFIRMATIONS = 3


@pytest.fixture
def market(db: None, node: Node, time: MovingClock) -> Market:
    made = factories.market()
    made.address = nodes.destination(made)
    return made


@pytest.fixture
def hot(market: Market, started_node: tuple[Node, str]) -> Wallet:
    return nodes.open_wallet(started_node[1], market.usdt)


def pay(market: Market) -> Settlement:
    """Signed and sent."""
    settlement = factories.fill(market, to=market.address).settlement
    tasks.pay(settlement_id=settlement.pk)
    tasks.broadcast(transfer_id=Transfer.objects.latest("pk").pk)
    jobs.clear()
    return settlement


def follow() -> None:
    for transfer in Transfer.objects.exclude(status="final").order_by("pk"):
        tasks.track(wallet_id=transfer.wallet_id)
    jobs.clear()


def test_payments_on_their_way_are_no_difference(
    market: Market, hot: Wallet, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent, in a block, undone by a reorganisation, in a block again, replaced, final: compared at each step."""
    monkeypatch.setattr(WalletPort, "blocks_at_once", 2)
    assert compare() == []
    pay(market)
    assert compare() == []
    node.mine()
    assert compare() == []  # the chain has it, and the books have not heard
    follow()
    pay(market)
    assert compare() == []
    node.reorg(1)
    assert compare() == []
    follow()
    for _ in range(CONFIRMATIONS + 2):
        tasks.broadcast(transfer_id=Transfer.objects.earliest("pk").pk)
        node.mine()
        assert compare() == []
        follow()
        assert compare() == []
    assert set(Transfer.objects.values_list("status", flat=True)) == {"final"}
    node.mine(40)
    for _ in range(4):
        assert compare() == []
    reading = ChainReading.objects.get(wallet=hot)
    assert reading.last == node.head() - CONFIRMATIONS + 1
    assert Outflow.objects.filter(wallet=hot).count() == 2
    said = Reconciliation.objects.latest("pk").wallets[hot.name]
    assert (said["nonce"], said["next_nonce"], said["gap_minor"], said["is_read"]) == (2, 2, 0, True)
    assert said["transfers"] > 0
    assert events("wallet.paused") == 0


def test_transfer_of_nothing_that_anybody_can_write_is_none(market: Market, hot: Wallet, node: Node) -> None:
    assert compare() == []
    node.do("transferFrom(address,address,uint256)", hot.address, nodes.somebody(), 0)
    node.mine(CONFIRMATIONS)

    assert compare() == []
    assert Outflow.objects.count() == 0


def test_money_from_a_stranger_is_told_and_stops_nothing(market: Market, hot: Wallet, node: Node) -> None:
    assert compare() == []
    node.do("transfer(address,uint256)", hot.address, 1)

    assert compare() == ["incoming was sent 0.000001 USDT that nobody has booked"]
    assert events("wallet.paused") == 0


def test_whoever_has_the_key_too_stops_the_wallet_and_is_named(market: Market, hot: Wallet, node: Node) -> None:
    pay(market)
    assert compare() == []
    port, thief = port_of(hot), nodes.somebody()
    stolen = port.sign(Payment(thief, 5, 1), port.look(to_address=thief, amount_minor=5).terms)
    port.broadcast(stolen.raw)
    node.mine()
    assert {one.partition(" ")[0] for one in compare()} == {"wallet", "nonce"}
    assert Wallet.objects.get(pk=hot.pk).pause_reason == pauses.DIFFERENCE

    node.mine(CONFIRMATIONS)
    follow()
    assert f"outgoing paid 0.000005 USDT to {thief} by {stolen.tx_hash}, which the desk did not sign" in compare()
    assert Transfer.objects.get().status == "final"  # what was signed is followed to its end
