"""USDT that comes to a wallet on a TRON network: seen, credited once when every node calls it solidified."""

from decimal import Decimal

import pytest

from settlement import tasks, watching
from settlement.addresses import tron_body
from settlement.models import Deposit, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Unreachable
from settlement.wallets.tron.token import transfer_call
from tests.factories import Market
from tests.fakes.tron import SOLID_AFTER, SUN, TOKEN
from tests.settlement.books import assert_books_are_right, events
from tests.settlement.conftest import MovingClock
from tests.wallets import tron
from tests.wallets.tron import Scene, evm_address
from trading.sandbox import chain

MINOR = 250_000_000


@pytest.fixture
def wallet(market: Market, network: Scene, tron_address: str) -> Wallet:
    """Watched from now on."""
    found = tron.open_wallet(network, tron_address, market.usdt)
    tasks.watch(timestamp=0)
    return found


@pytest.fixture
def sender(market: Market, network: Scene) -> str:
    """The client's own address, registered; with USDT, and no key here."""
    address = tron.destination(market).address
    network.node.fund(evm_address(address), 10 * MINOR)
    return address


def send(network: Scene, sender: str, to_address: str, minor: int = MINOR, *, token: str = TOKEN) -> str:
    """In the next block; its id."""
    data = transfer_call(to_address, minor).hex()
    sent = network.call(tron_body(sender).hex(), tron_body(token).hex(), data)
    network.mine()
    return sent


def seen() -> Deposit:
    tasks.watch(timestamp=0)
    return Deposit.objects.select_related("client").get()


def test_transfer_is_seen_in_its_block_and_credited_once_it_is_solidified(
    wallet: Wallet, network: Scene, sender: str, market: Market
) -> None:
    sent = send(network, sender, wallet.address)
    deposit = seen()
    assert (deposit.status, deposit.tx_hash, deposit.sender) == ("seen", sent, sender)
    assert (deposit.block_number, deposit.amount) == (network.head, Decimal(250))

    network.mine(SOLID_AFTER - 1)
    for _again in range(2):
        assert (seen().status, seen().client) == ("credited", market.client)
    assert events("deposit.credited") == 1
    assert_books_are_right()


def test_what_one_node_lacks_is_not_final(wallet: Wallet, network: Scene, sender: str) -> None:
    network.second.forgets.add(sent := send(network, sender, wallet.address))
    network.mine(SOLID_AFTER)
    assert seen().status == "seen"

    network.second.forgets.remove(sent)
    assert seen().status == "credited"


def test_what_a_reorganisation_took_out_is_gone(wallet: Wallet, network: Scene, sender: str) -> None:
    send(network, sender, wallet.address)
    assert seen().status == "seen"

    network.reorg()
    network.mine(SOLID_AFTER)

    assert (seen().status, seen().reason) == ("gone", "reorganised")


def test_what_was_credited_and_no_node_has_any_more_stops_the_chain(
    wallet: Wallet, network: Scene, sender: str
) -> None:
    send(network, sender, wallet.address)
    network.mine(SOLID_AFTER)
    assert seen().status == "credited"

    network.reorg(SOLID_AFTER + 1)
    network.mine(SOLID_AFTER)
    watching.follow_arrivals(timestamp=0)

    wallet.refresh_from_db()
    assert (Deposit.objects.get().status, wallet.pause_reason) == ("undone", "deposit_undone")


def test_transfer_that_failed_or_moved_nothing_is_none(wallet: Wallet, network: Scene, sender: str) -> None:
    send(network, sender, wallet.address, 11 * MINOR)  # more than it has
    send(network, sender, wallet.address, 0)
    send(network, sender, tron.somebody())
    network.mine(SOLID_AFTER)

    tasks.watch(timestamp=0)

    assert not Deposit.objects.exists()


def test_other_code_at_the_tokens_address_is_not_believed(wallet: Wallet, network: Scene, sender: str) -> None:
    code = network.node.call("eth_getCode", chain.TOKEN, "latest")
    network.node.call("anvil_setCode", chain.TOKEN, code + "00")

    with pytest.raises(Unreachable, match="code"):
        port_of(wallet).horizon()


def test_standing_is_of_one_block_with_coins_and_what_they_are_good_for(
    wallet: Wallet, network: Scene, time: MovingClock
) -> None:
    network.activate(wallet.address, coins=300 * SUN, EnergyLimit=260_000)

    standing = port_of(wallet).standing()

    assert (standing.height, standing.nonce, standing.coins) == (network.head, 0, Decimal(300))
    assert standing.balance_minor == network.node.balance(evm_address(wallet.address))
    assert standing.transfers is not None
    assert standing.transfers >= 2  # its energy alone pays for two
