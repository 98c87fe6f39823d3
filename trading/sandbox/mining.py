"""
`manage.py sandbox chain`: the local EVM node of `make run`, kept from one run to the next.

Blocks are made when something waits, a few more so that it becomes final, and now and then so that the head is not old:
a chain that stands still costs nothing and stays small.
"""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx

from settlement.models import Transfer, Wallet
from trading.sandbox import chain
from trading.sandbox.chain import LocalChain
from trading.sandbox.localenv import LOCAL, SetupError

HOME = LOCAL / "chain"
WALLET = "local-evm"
KEYS, PASSPHRASES = LOCAL / "wallets" / "keys", LOCAL / "wallets" / "passphrases"
CONFIRMATIONS = 3
BLOCK_SECONDS, IDLE_SECONDS = 1.0, 15.0
KEPT_STATES = "500"


class Ended(BaseException):
    """Somebody asked the program to end."""


def row(port: int) -> dict[str, object]:
    """The row of `EVM_CHAINS` for it."""
    return chain.settings_row(f"http://127.0.0.1:{port}", confirmations=CONFIRMATIONS)


def run(port: int) -> None:
    """
    Run the node until SIGTERM; it keeps what is on it.

    :raises SetupError: there is no program for it, or it does not start.
    """
    program = chain.anvil()
    if program is None:
        raise SetupError("There is no local EVM node here: bin/anvil says why.")
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _end)
    try:
        with chain.running(program, *_memory(HOME / "state.json"), log=HOME / "anvil.log", port=port) as local:
            prepare(local)
            print(f"the local EVM node is at height {local.head()}", flush=True)
            miner = Miner(local)
            while True:
                miner.tick(now=time.monotonic())
                time.sleep(BLOCK_SECONDS)
    except Ended:
        print("the local EVM node has ended", flush=True)
    except httpx.HTTPError as error:
        raise SetupError(f"The local EVM node went away ({error}).") from error


def _memory(state: Path) -> list[str]:
    """Options that keep the chain in a file. One that was cut off while it was written is put aside."""
    try:
        if state.exists():
            json.loads(state.read_bytes())
    except ValueError:
        state.replace(state.with_suffix(".broken"))
    return ["--state", str(state), "--state-interval", "1", "--prune-history", KEPT_STATES]


def prepare(local: LocalChain) -> None:
    """
    Have the desk's wallet be on the chain as the books have it.

    On a chain that has never seen the wallet: so much USDT, some coin for fees, and the nonce that is next.
    """
    wallet = Wallet.objects.select_related("account__balance").filter(name=WALLET).first()
    if wallet is None or int(local.call("eth_getBalance", wallet.address, "latest"), 16):
        return
    local.fund(wallet.address, int(wallet.account.balance.posted))
    waiting = Transfer.objects.filter(wallet=wallet).exclude(status__in=["final", "abandoned"]).order_by("nonce")
    first = waiting.values_list("nonce", flat=True).first()
    local.call("anvil_setNonce", wallet.address, hex(wallet.next_nonce if first is None else first))
    local.mine()


@dataclass
class Miner:
    """Makes blocks when they are of use."""

    local: LocalChain
    owed: int = 0  # blocks that make final what is mined
    made_at: float = 0.0

    def tick(self, *, now: float) -> None:
        """Look once, and make one block at most."""
        if self.local.waiting():
            self.owed = CONFIRMATIONS
        if self.owed or now - self.made_at >= IDLE_SECONDS:
            self.local.mine()
            self.owed, self.made_at = max(self.owed - 1, 0), now


def _end(_number: int, _frame: FrameType | None) -> None:
    raise Ended
