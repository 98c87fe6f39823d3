"""A node that is restarted, forgets and goes back, before it two providers, and blocks that come by themselves."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.wallets.node import GWEI, Node
from tests.wallets.proxy import Proxy
from trading.sandbox import chain, localenv
from trading.sandbox.chain import ChainError

BLOCK_SECONDS = 0.25
SETTLED_GROUND = 12  # blocks that no fault reaches: the token and the money lie below
LOSABLE = ("eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getTransactionCount", "eth_call")


class Ground:
    """The chain of a run."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._state, self._port = program, folder / "chain.json", localenv.free_port()
        self._stack, self._lock, self._ended = ExitStack(), threading.RLock(), threading.Event()
        self.is_still = False
        self.first_height = 0

    def __enter__(self) -> Self:
        """Start the node and both providers; blocks come after `settle`."""
        self._start()
        self.node = Node(f"http://127.0.0.1:{self._port}")
        self._stack.callback(self.node.close)
        self.node.wait()
        self.node.ensure_token()
        self.first, self.second = (self._stack.enter_context(Proxy(self.node.url)) for _ in range(2))
        self._miner = threading.Thread(target=self._mine, daemon=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self._ended.set()
        if self._miner.is_alive():
            self._miner.join()
        self._stack.close()
        self._stop()

    @property
    def urls(self) -> tuple[str, str]:
        """The two providers."""
        return self.first.url, self.second.url

    def settle(self) -> None:
        """What is there stays; from now on blocks come."""
        self.node.mine(SETTLED_GROUND)
        self.first_height = self.node.head()
        self._miner.start()

    def _start(self) -> None:
        options = ("--slots-in-an-epoch", "1", "--state", str(self._state))
        tether = (sys.executable, "-m", "trading.sandbox.tether", "--signal", "INT", "--")
        self._process = subprocess.Popen(
            [*tether, *chain.command(self._program, self._port, *options)],
            cwd=localenv.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(chain.START_SECONDS * 4)

    def _mine(self) -> None:
        while not self._ended.wait(BLOCK_SECONDS):
            if self.is_still:
                continue
            try:
                with self._lock:
                    self.node.mine()
            except (ChainError, httpx.HTTPError):
                continue  # it is away, or in the middle of going back

    # Faults

    def restart(self) -> None:
        """End the node in its own way and start it from what it wrote; what waited for a block is lost."""
        with self._lock:
            self._stop()
            self._start()
            self.node.wait()

    def drop_all(self) -> None:
        """Forget all that waits for a block."""
        self.node.call("anvil_dropAllTransactions")

    def drop_one(self, tx_hash: str) -> None:
        """Forget one of them."""
        self.node.drop(tx_hash)

    def reorg(self, depth: int) -> None:
        """Replace so many blocks by empty ones."""
        with self._lock:
            self.node.reorg(min(depth, self.node.head() - self.first_height))

    def rewind(self, blocks: int, until: Callable[[], bool] = lambda: False) -> None:
        """Let so many blocks come, or until something is so, and be as before them again."""
        with self._lock:
            kept = self.node.call("evm_snapshot")
            for _ in range(blocks):
                self.node.mine()
                self._ended.wait(BLOCK_SECONDS)
                if until():
                    break
            assert self.node.call("evm_revert", kept)

    def spike(self, gwei: int) -> None:
        """Make gas dear at once; it comes down by an eighth a block."""
        self.node.base_fee(gwei * GWEI)

    def lose_answers(self, chance: random.Random) -> None:
        """Lose the next answers of some kind, of either provider."""
        proxy = chance.choice([self.first, self.second])
        proxy.loses[chance.choice(LOSABLE)] = chance.randint(1, 4)
        self.first.loses["eth_sendRawTransaction"] = chance.randint(1, 2)

    def make_stale(self, proxy: Proxy) -> None:
        """Let a provider's head be old: it is not to be believed."""
        block = self.node.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - the node's own interface
        proxy.answers["eth_getBlockByNumber"] = {**block, "timestamp": "0x1"}

    def make_forgetful(self, proxy: Proxy) -> None:
        """Let a provider know of no transaction in a block, as one that lags does."""
        proxy.answers["eth_getTransactionReceipt"] = None

    def mend(self) -> None:
        """Let both providers tell what the node tells, and blocks come."""
        self.is_still = False
        for proxy in (self.first, self.second):
            proxy.answers.clear()
