"""
The local EVM node: anvil, with a token on it that behaves as Tether's does (`contracts/MockUSDT.sol`).

Its accounts are known to the whole world, and so is its chain id: nothing on it is worth anything.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from Crypto.Hash import keccak

from trading.sandbox import localenv
from trading.sandbox.localenv import ROOT, SetupError

NAME, CHAIN_ID = "ethereum", 31337
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"  # noqa: S105 - an address: the first contract of the first account
CODE_HASH = "0x04864df256de009dc34a4953cd180593ed62d1a3a658557da5cf28cfede29f94"
SUPPLY = 10**15
PACKAGES = ROOT / "node_modules" / "@foundry-rs"
START_SECONDS = 30
WEI_OF_ONE = 10**18


class ChainError(Exception):
    """The node refused what it was asked; says what it said."""


def anvil() -> str | None:
    """The program: the one that `ANVIL` names, or that `bin/anvil` installed; nothing where there is none."""
    if named := os.environ.get("ANVIL"):
        return named
    found = sorted(PACKAGES.glob("anvil-*/bin/anvil"))
    return str(found[0]) if found else None


def settings_row(*urls: str, confirmations: int = 3, head_seconds: int = 60) -> dict[str, object]:
    """The row of `EVM_CHAINS` for a local node at these addresses."""
    return {
        "chain": NAME,
        "chain_id": CHAIN_ID,
        "nodes": list(urls),
        "token": TOKEN,
        "code_hash": CODE_HASH,
        "final": confirmations,
        "head_seconds": head_seconds,
    }


class LocalChain:
    """A running local node, told what to do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(timeout=10)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def call(self, method: str, *params: object) -> Any:
        """
        Ask the node.

        :raises ChainError: it answered with an error.
        """
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self._client.post(self.url, json=asked).json()
        if "error" in answer:
            raise ChainError(f"{method}: {answer['error'].get('message', answer['error'])}")
        return answer["result"]

    def wait(self) -> None:
        """
        Wait until it answers.

        :raises SetupError: it does not.
        """
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                self.call("eth_chainId")
            except httpx.HTTPError as error:
                if time.monotonic() > limit:
                    raise SetupError(f"The local EVM node does not answer at {self.url} ({error}).") from None
                time.sleep(0.05)
            else:
                return

    def mine(self, blocks: int = 1) -> None:
        """Make blocks; the first takes what waits."""
        self.call("anvil_mine", hex(blocks))

    def head(self) -> int:
        """The height of the newest block."""
        return int(self.call("eth_blockNumber"), 16)

    def waiting(self) -> int:
        """How many transactions could be in the next block."""
        return int(self.call("txpool_status")["pending"], 16)

    def owner(self) -> str:
        """The account that owns the token; unlocked."""
        return str(self.call("eth_accounts")[0])

    def do(self, signature: str, *words: str | int, to: str = TOKEN) -> None:
        """Have the token's owner call it, and mine that."""
        call = {"from": self.owner(), "to": to, "data": calldata(signature, *words), "gas": hex(1_000_000)}
        self.call("eth_sendTransaction", call)
        self.mine()

    def ensure_token(self) -> bool:
        """Put the token onto the chain; the answer is whether it was not there yet."""
        if self.call("eth_getCode", TOKEN, "latest") != "0x":
            return False
        code = json.loads((Path(__file__).parent / "contracts" / "MockUSDT.json").read_text())["bytecode"]
        create = {"from": self.owner(), "data": code + f"{SUPPLY:064x}", "gas": hex(5_000_000)}
        self.call("eth_sendTransaction", create)
        self.mine()
        return True

    def balance(self, address: str) -> int:
        """Minor units of the token."""
        call = {"to": TOKEN, "data": calldata("balanceOf(address)", address)}
        return int(self.call("eth_call", call, "latest"), 16)

    def fund(self, address: str, minor: int, *, coins: int = 100) -> None:
        """Let an address have so much of the token, and of the chain's own coin for fees."""
        self.call("anvil_setBalance", address, hex(coins * WEI_OF_ONE))
        if (missing := minor - self.balance(address)) > 0:
            self.do("transfer(address,uint256)", address, missing)


def calldata(signature: str, *words: str | int) -> str:
    """A call of a contract: addresses and numbers."""
    selector = keccak.new(digest_bits=256, data=signature.encode()).hexdigest()[:8]
    numbers = (int(word, 16) if isinstance(word, str) else word for word in words)
    return "0x" + selector + "".join(f"{number:064x}" for number in numbers)


def command(program: str, port: int, *options: str) -> list[str]:
    """The node's command line: blocks are made only when somebody asks for them."""
    usual = ("--host", "127.0.0.1", "--chain-id", str(CHAIN_ID), "--no-mining", "--accounts", "2", "--quiet")
    return [program, "--port", str(port), *usual, *options]


@contextmanager
def running(program: str, *options: str, log: Path | None = None, port: int = 0) -> Iterator[LocalChain]:
    """A node of one's own, with its token; it ends with the block, and with this process however that ends."""
    chosen = port or localenv.free_port()
    tether: Sequence[str] = (sys.executable, "-m", "trading.sandbox.tether", "--signal", "INT", "--")
    out = log.open("wb") if log else None
    node = subprocess.Popen(
        [*tether, *command(program, chosen, *options)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=out or subprocess.DEVNULL,
        stderr=out or subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        chain = LocalChain(f"http://127.0.0.1:{chosen}")
        chain.wait()
        chain.ensure_token()
        yield chain
        chain.close()
    finally:
        node.send_signal(signal.SIGINT)  # it writes its state then
        node.wait(START_SECONDS)
        if out:
            out.close()
