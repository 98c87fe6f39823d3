"""A TRON network with two nodes for tests, and the wallet that pays on it."""

import json
from pathlib import Path

from eth_account import Account

from settlement import operations
from settlement.addresses import tron_body
from settlement.models import Asset, PayoutAddress, Wallet
from settlement.wallets.keys import KeyFiles
from settlement.wallets.tron import address_of
from tests import factories
from tests.factories import Market
from tests.fakes.tron import GENESIS, NAME, TOKEN, Network
from tests.fakes.tron_http import TronNode
from tests.wallets import node as evm
from tests.wallets.node import Node
from trading.lib import clock
from trading.sandbox import chain

WALLET = "hot-tron"


class Scene(Network):
    """The network, its two nodes and its EVM node."""

    first: TronNode
    second: TronNode

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node

    @property
    def urls(self) -> tuple[str, str]:
        return self.first.url, self.second.url

    def paid(self, sender: str, to_address: str) -> list[int]:
        """Every payment from one address to another that the network has, by its logs."""
        return self.node.paid(evm_address(sender), evm_address(to_address))


def evm_address(address: str) -> str:
    """The address inside the virtual machine."""
    return "0x" + tron_body(address)[1:].hex()


def settings_row(*at: str | dict[str, str], head_seconds: int = evm.NEVER_OLD, **more: object) -> dict[str, object]:
    """The row of `TRON_CHAINS` for nodes at these addresses."""
    row: dict[str, object] = {"chain": NAME, "genesis": GENESIS, "nodes": list(at), "token": TOKEN}
    return {**row, "code_hash": chain.CODE_HASH, "head_seconds": head_seconds, **more}


def environment(folder: Path, *urls: str) -> dict[str, str]:
    """What a process is told that pays on the network."""
    return {
        "TRON_CHAINS": json.dumps([settings_row(*urls)]),
        "WALLET_KEYS": str(folder / "keys"),
        "WALLET_PASSPHRASES": str(folder / "passphrases"),
    }


def write_key(folder: Path) -> str:
    """The wallet's keystore; its address."""
    files = KeyFiles(folder / "keys" / f"{WALLET}.json", folder / "passphrases" / f"{WALLET}.txt")
    return address_of(evm.write_key(files))


def open_wallet(scene: Scene, address: str, asset: Asset) -> Wallet:
    """The wallet in the books and on the network, with the same in it."""
    scene.node.fund(evm_address(address), evm.FUNDS)
    scene.activate(address)
    wallet = operations.open_wallet(name=WALLET, chain=NAME, address=address, asset=asset, now=clock.now())
    factories.fund(wallet, "10000000")
    return wallet


def somebody() -> str:
    """An address nobody has used."""
    return address_of(str(Account.create().address))


def destination(market: Market) -> PayoutAddress:
    """An address of the market's client on the network."""
    return factories.address(market.client, somebody(), chain=NAME, label=factories.unique("tron"))
