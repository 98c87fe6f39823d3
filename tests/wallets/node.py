"""A real EVM node for tests, and the wallet that pays on it."""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eth_account import Account

from settlement import operations
from settlement.models import Asset, PayoutAddress, Wallet
from settlement.wallets.evm import nodes as evm_nodes
from settlement.wallets.keys import KeyFiles
from tests import factories
from tests.factories import Market
from trading.lib import clock
from trading.sandbox import chain
from trading.sandbox.chain import LocalChain

NAME = "hot-ethereum"
GWEI = 10**9
FUNDS = 10_000_000 * 10**6
NEVER_OLD = 10**8  # tests move the desk's clock; the node keeps its own


class Node(LocalChain):
    """The node of a test: put back to how it was after each."""

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Undo at the end what was done to the chain."""
        kept = self.call("evm_snapshot")
        yield
        self.call("anvil_dropAllTransactions")
        assert self.call("evm_revert", kept)
        self.base_fee(GWEI)  # going back does not undo that

    def drop(self, tx_hash: str) -> None:
        """Lose a transaction that waits."""
        self.call("anvil_dropTransaction", tx_hash)

    def reorg(self, depth: int) -> None:
        """Replace the newest blocks by others without transactions."""
        self.call("anvil_reorg", depth, [])

    def base_fee(self, wei: int) -> None:
        """What gas of the next block costs at least."""
        self.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def paid(self, sender: str, to_address: str) -> list[int]:
        """Every payment from one address to another that the chain has, minor units, read from its logs."""
        signature = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
        topics = [signature, *("0x" + address[2:].lower().zfill(64) for address in (sender, to_address))]
        wanted = {"address": chain.TOKEN, "fromBlock": "0x0", "toBlock": "latest", "topics": topics}
        return [int(log["data"], 16) for log in self.call("eth_getLogs", wanted)]


def write_key(files: KeyFiles, passphrase: str = "of-a-test") -> str:
    """A keystore that opens at once; real ones take a second on purpose. The address."""
    account = Account.create()
    for path in (files.keystore, files.passphrase):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.keystore.write_text(json.dumps(account.encrypt(passphrase, kdf="pbkdf2", iterations=1)))
    files.passphrase.write_text(passphrase)
    for path in (files.keystore, files.passphrase):
        path.chmod(0o600)
    return str(account.address)


@contextmanager
def started(folder: Path) -> Iterator[tuple[Node, str]]:
    """A node with a funded wallet whose key is in the folder; its address."""
    program = chain.anvil()
    if program is None:
        pytest.skip("there is no local EVM node here; bin/anvil fetches one")
    address = write_key(KeyFiles(folder / "keys" / f"{NAME}.json", folder / "passphrases" / f"{NAME}.txt"))
    with chain.running(program, "--slots-in-an-epoch", "1") as local:
        local.fund(address, FUNDS)
        node = Node(local.url)
        yield node, address
        node.close()
        hang_up()


def hang_up() -> None:
    """Close the connections that ports keep open."""
    for known in evm_nodes._nodes.values():
        for session in known.provider._request_session_manager.session_cache._data.values():  # type: ignore[attr-defined]
            session.close()
    evm_nodes._nodes.clear()


def environment(folder: Path, *urls: str, confirmations: int = 3) -> dict[str, str]:
    """What a process is told that pays on the node."""
    row = chain.settings_row(*urls, confirmations=confirmations, head_seconds=NEVER_OLD)
    return {
        "EVM_CHAINS": json.dumps([row]),
        "WALLET_KEYS": str(folder / "keys"),
        "WALLET_PASSPHRASES": str(folder / "passphrases"),
    }


def open_wallet(address: str, asset: Asset) -> Wallet:
    """The wallet in the books, with as much in it as it has on chain."""
    wallet = operations.open_wallet(name=NAME, chain=chain.NAME, address=address, asset=asset, now=clock.now())
    factories.fund(wallet, "10000000")
    return wallet


def open_second(node: Node, asset: Asset, funds: int = FUNDS) -> Wallet:
    """Another wallet on the chain, with money and its key."""
    name = f"hot-{secrets.token_hex(4)}"
    address = write_key(KeyFiles.of(name))
    node.fund(address, funds)
    wallet = operations.open_wallet(name=name, chain=chain.NAME, address=address, asset=asset, now=clock.now())
    factories.fund(wallet, str(funds // 10**6))
    return wallet


def somebody() -> str:
    """An address nobody has used."""
    return str(Account.create().address)


def destination(market: Market) -> PayoutAddress:
    """An address of the market's client on the chain."""
    return factories.address(market.client, somebody(), chain=chain.NAME, label=factories.unique("evm"))


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until it is so, with patience for a busy machine."""
    limit = time.monotonic() + seconds * float(os.environ.get("TEST_PATIENCE", "1"))
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)
