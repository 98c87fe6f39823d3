"""
A TRON network for tests: blocks, solidified ones, transactions that wait. Its contracts run on a local EVM node.

It takes a transaction as java-tron does: it reads the bytes itself, checks the signature, the block they name, their
time and whether it had them before. `tests.fakes.tron_http` gives nodes that speak for it.
"""

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_keys.datatypes import Signature

from settlement.addresses import tron_address, tron_body
from trading.sandbox import chain
from trading.sandbox.chain import ChainError, LocalChain

NAME = "tron"
FIRST = 70_000
BLOCK_MS = 3_000
SOLID_AFTER = 3
DAY_MS = 24 * 3600 * 1000
SUN = 10**6
ENERGY_PRICE, BYTE_PRICE = 100, 1000
ENOUGH = hex(10**21)
TOKEN = tron_address(bytes.fromhex("41" + chain.TOKEN[2:]))
GENESIS = hashlib.sha256(b"a network of tests").hexdigest()


@dataclass
class Block:
    number: int
    timestamp: int
    before: str  # the EVM node's snapshot from before it
    fork: int
    transactions: list[str] = field(default_factory=list)

    @property
    def block_id(self) -> str:
        return (
            self.number.to_bytes(8, "big").hex()
            + hashlib.sha256(f"{self.number}.{self.fork}".encode()).hexdigest()[16:]
        )

    @property
    def stranger(self) -> str:
        """The id of somebody else's transaction: every block has one."""
        return hashlib.sha256(self.block_id.encode()).hexdigest()


@dataclass(frozen=True)
class Sent:
    """A transaction as the network read it."""

    transaction: str
    owner: str
    contract: str
    data: str
    expiration: int
    timestamp: int
    fee_limit: int
    ref_block: str
    ref_hash: str


class Network:
    """What all nodes of it agree on."""

    def __init__(self, evm: LocalChain) -> None:
        self.evm, self.lock = evm, threading.RLock()
        self.now = int(time.time() * 1000)
        self.fork = 0
        self.blocks: list[Block] = []
        self.waiting: dict[str, Sent] = {}
        self.sent: dict[str, Sent] = {}
        self.infos: dict[str, dict[str, Any]] = {}
        self.coins: dict[str, int] = {}  # sun, by the 21 bytes of an address; whoever is not here is not activated
        self.resources: dict[str, dict[str, int]] = {}
        self.mine(SOLID_AFTER)

    # --- what a test does to it --------------------------------------------------------------

    @property
    def head(self) -> int:
        return self.blocks[-1].number

    def activate(self, address: str, *, coins: int = 1000 * SUN, **resources: int) -> None:
        """Let an address have so many sun, and what it staked for."""
        self.evm.call("anvil_impersonateAccount", "0x" + tron_body(address)[1:].hex())
        self.coins[tron_body(address).hex()] = coins
        self.resources[tron_body(address).hex()] = resources

    def mine(self, blocks: int = 1) -> None:
        """Make blocks; the first takes what waits and is not over."""
        with self.lock:
            for _ in range(blocks):
                self._block()

    def pass_time(self, seconds: int) -> None:
        """Nobody makes a block for so long; then enough of them that those before are solidified."""
        with self.lock:
            self.now += seconds * 1000
            self.mine(SOLID_AFTER + 1)

    def lose(self, transaction: str) -> None:
        """Forget a transaction that waits."""
        del self.waiting[transaction]

    def reorg(self, depth: int = 1) -> None:
        """Replace the newest blocks by others without our transactions."""
        with self.lock:
            gone = self.blocks[-depth:]
            del self.blocks[-depth:]
            assert self.evm.call("evm_revert", gone[0].before)
            for transaction in [one for block in gone for one in block.transactions]:
                del self.infos[transaction], self.sent[transaction]
            self.fork += 1
            self.mine(depth)

    def _block(self) -> None:
        parent = self.blocks[-1].timestamp if self.blocks else 0
        self.now += BLOCK_MS
        number = self.head + 1 if self.blocks else FIRST
        block = Block(number, self.now, self.evm.call("evm_snapshot"), self.fork)
        for sent in self.waiting.values():
            if sent.expiration > parent:
                block.transactions.append(sent.transaction)
                self.sent[sent.transaction] = sent
                self.infos[sent.transaction] = {**self._run(sent), "blockNumber": block.number}
        self.waiting.clear()
        self.blocks.append(block)

    def _run(self, sent: Sent) -> dict[str, Any]:
        """Execute a call with as much energy as its limit and its owner's coins allow."""
        staked = self.resources[sent.owner].get("EnergyLimit", 0)
        energy = min(sent.fee_limit // ENERGY_PRICE, staked + self.coins[sent.owner] // ENERGY_PRICE)
        gas = intrinsic(sent.data) + energy
        owner = "0x" + sent.owner[2:]
        self.evm.call("anvil_setBalance", owner, ENOUGH)
        call = {"from": owner, "to": "0x" + sent.contract[2:], "data": "0x" + sent.data, "gas": hex(gas)}
        mined = self.evm.call("eth_sendTransaction", call)
        self.evm.mine()
        receipt = self.evm.call("eth_getTransactionReceipt", mined)
        used = int(receipt["gasUsed"], 16) - intrinsic(sent.data)
        burnt = max(used - staked, 0) * ENERGY_PRICE
        self.coins[sent.owner] -= burnt
        result = "SUCCESS" if receipt["status"] == "0x1" else "OUT_OF_ENERGY" if used >= energy else "REVERT"
        logs = [
            {"address": log["address"][2:], "topics": [one[2:] for one in log["topics"]], "data": log["data"][2:]}
            for log in receipt["logs"]
        ]
        found: dict[str, Any] = {
            "id": sent.transaction,
            "receipt": {"result": result, "energy_usage_total": used},
            "log": logs,
        }
        if burnt:
            found["fee"] = burnt
        return found if result == "SUCCESS" else {**found, "result": "FAILED", "resMessage": result.encode().hex()}

    # --- what its nodes ask ------------------------------------------------------------------

    def block(self, number: int) -> Block | None:
        return next((block for block in self.blocks if block.number == number), None)

    def take(self, raw: bytes) -> str:
        """Let a signed transaction wait; java-tron's word for why not, "" when it waits."""
        whole = fields(raw)
        raw_data = whole[1][0]
        sent = read(raw_data)
        if sent.transaction in self.waiting or sent.transaction in self.sent:
            return "DUP_TRANSACTION_ERROR"
        named = [block for block in self.blocks if block.block_id[12:16] == sent.ref_block]
        if not named or named[-1].block_id[16:32] != sent.ref_hash:
            return "TAPOS_ERROR"
        newest = self.blocks[-1].timestamp
        if not newest < sent.expiration <= newest + DAY_MS:
            return "TRANSACTION_EXPIRATION_ERROR"
        signature = Signature(whole[2][0])
        signer = signature.recover_public_key_from_msg_hash(hashlib.sha256(raw_data).digest()).to_canonical_address()
        if sent.owner != "41" + signer.hex():
            return "SIGERROR"
        if not self.coins.get(sent.owner):
            return "BANDWITH_ERROR"  # java-tron's spelling
        self.waiting[sent.transaction] = sent
        return ""

    def call(self, owner: str, contract: str, data: str) -> str:
        """Let a call of somebody else's wait, whose key nobody here has; its id."""
        self.coins.setdefault(owner, 1000 * SUN)
        self.resources.setdefault(owner, {})
        self.evm.call("anvil_impersonateAccount", "0x" + owner[2:])
        transaction = hashlib.sha256(f"{owner} {contract} {data} {len(self.sent)} {self.now}".encode()).hexdigest()
        expiration = self.blocks[-1].timestamp + DAY_MS
        limit = 10**9
        self.waiting[transaction] = Sent(transaction, owner, contract, data, expiration, self.now, limit, "", "")
        return transaction

    def look(self, owner: str, contract: str, data: str) -> tuple[str, int] | None:
        """What a call would answer, and the energy it would take; nothing when it would fail."""
        call = {"from": "0x" + owner[2:], "to": "0x" + contract[2:], "data": "0x" + data}
        try:
            answer = self.evm.call("eth_call", call, "latest")
            gas = int(self.evm.call("eth_estimateGas", call), 16)
        except ChainError:
            return None
        return answer[2:], gas - intrinsic(data)


def intrinsic(data: str) -> int:
    """What an EVM takes for a transaction before it runs anything; TRON counts that as bandwidth."""
    return 21_000 + sum(16 if byte else 4 for byte in bytes.fromhex(data))


def read(raw_data: bytes) -> Sent:
    """The unsigned part, read by the protobuf rules alone."""
    outer = fields(raw_data)
    trigger = fields(fields(fields(outer[11][0])[2][0])[2][0])
    return Sent(
        transaction=hashlib.sha256(raw_data).hexdigest(),
        owner=trigger[1][0].hex(),
        contract=trigger[2][0].hex(),
        data=trigger[4][0].hex(),
        expiration=outer[8][0],
        timestamp=outer[14][0],
        fee_limit=outer[18][0],
        ref_block=outer[1][0].hex(),
        ref_hash=outer[4][0].hex(),
    )


def fields(message: bytes) -> dict[int, list[Any]]:
    """A protobuf message's numbers and bytes."""
    found: dict[int, list[Any]] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        digits: Sequence[int] = []
        while True:
            digits = [*digits, message[at] & 127]
            at += 1
            if message[at - 1] < 128:
                return sum(digit << 7 * place for place, digit in enumerate(digits))

    while at < len(message):
        tag = varint()
        value: int | bytes = varint()
        if tag & 7 == 2:
            assert isinstance(value, int)
            at, value = at + value, message[at : at + value]
        found.setdefault(tag >> 3, []).append(value)
    return found
