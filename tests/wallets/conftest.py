"""One node for all tests of a process; each test finds it as the first did."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from settlement import operations
from settlement.models import Asset, Settlement, Wallet
from settlement.wallets.tron import nodes as tron_nodes
from tests import factories
from tests.factories import Market
from tests.fakes.tron_http import TronNode
from tests.settlement.conftest import MovingClock, time
from tests.wallets import node as nodes
from tests.wallets import tron
from tests.wallets.node import Node
from trading.sandbox import chain

__all__ = ["MovingClock", "time"]


@pytest.fixture(scope="session")
def wallet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wallets")


@pytest.fixture(scope="session")
def started_node(wallet_folder: Path) -> Iterator[tuple[Node, str]]:
    with nodes.started(wallet_folder) as started:
        yield started


@pytest.fixture
def node(started_node: tuple[Node, str], wallet_folder: Path, settings: pytest.FixtureRequest) -> Iterator[Node]:
    node, _address = started_node
    settings.EVM_CHAINS = [chain.settings_row(node.url, head_seconds=nodes.NEVER_OLD)]  # type: ignore[attr-defined]
    settings.WALLET_KEYS = str(wallet_folder / "keys")  # type: ignore[attr-defined]
    settings.WALLET_PASSPHRASES = str(wallet_folder / "passphrases")  # type: ignore[attr-defined]
    with node.unchanged():
        yield node


@pytest.fixture
def usdt(db: None) -> Asset:
    asset = Asset.objects.create(code="USDT", kind=Asset.Kind.TOKEN, scale=6)
    operations.open_accounts(assets=[asset], counterparties=[])
    return asset


@pytest.fixture
def wallet(node: Node, started_node: tuple[Node, str], usdt: Asset) -> Wallet:
    """A funded wallet on the node, in the books too; nobody else trades."""
    return nodes.open_wallet(started_node[1], usdt)


@pytest.fixture
def market(db: None, node: Node, time: MovingClock) -> Market:
    """A client with an address on the node."""
    made = factories.market()
    made.address = nodes.destination(made)
    return made


@pytest.fixture
def hot(market: Market, started_node: tuple[Node, str]) -> Wallet:
    return nodes.open_wallet(started_node[1], market.usdt)


@pytest.fixture
def settlement(market: Market, hot: Wallet) -> Settlement:
    """Accepted, to be paid on chain."""
    return factories.fill(market, to=market.address).settlement


@pytest.fixture(scope="session")
def tron_address(wallet_folder: Path) -> str:
    """The address whose key the TRON wallet has."""
    return tron.write_key(wallet_folder)


@pytest.fixture
def network(node: Node, tron_address: str, settings: pytest.FixtureRequest) -> Iterator[tron.Scene]:
    """A TRON network whose contracts run on the EVM node."""
    scene = tron.Scene(node)
    with TronNode(scene) as scene.first, TronNode(scene) as scene.second:
        settings.TRON_CHAINS = [tron.settings_row(*scene.urls)]  # type: ignore[attr-defined]
        yield scene
        tron_nodes.hang_up()


@pytest.fixture
def tron_wallet(network: tron.Scene, tron_address: str, usdt: Asset) -> Wallet:
    """A funded wallet on the network, in the books too; nobody else trades."""
    return tron.open_wallet(network, tron_address, usdt)
