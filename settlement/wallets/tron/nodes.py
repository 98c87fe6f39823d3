"""The nodes of a TRON network: which of them can be believed, and what they say over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from settlement.tron_chains import TronChain, TronNode
from settlement.wallets.base import Unreachable
from settlement.wallets.believing import BelievedNodes
from trading.lib import clock

TIMEOUT_SECONDS = 10
LONGEST_WORDS = 200
HEAD, SOLID = "wallet", "walletsolidity"  # what the newest block has, and what solidified ones have
ROUND = 2**16  # a transaction names the last two bytes of a block's number
ROUNDS_LOOKED_BACK = 20  # about six weeks of blocks
BLOCKS_LOOKED_AT = 20
SECONDS = 1000


class Refused(Exception):
    """A node answered with an error of its own."""


@contextmanager
def asking() -> Iterator[None]:
    """
    Around questions to nodes.

    :raises Unreachable: one was not answered, or with an error, or with something else than it should be.
    """
    try:
        yield
    except (httpx.HTTPError, Refused, ValueError, LookupError, TypeError) as error:
        raise Unreachable(words_of(error)) from None  # a request's own words have the node's address, with its key


def words_of(error: Exception) -> str:
    """What a node said: the kind, and its own message; never the text of a lost connection, which holds the address."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, httpx.HTTPError):
        return type(error).__name__
    return f"{type(error).__name__}: {error}"[:LONGEST_WORDS]


@dataclass(frozen=True, slots=True)
class Block:
    """A block's head, and the ids of its transactions where they were asked for."""

    number: int
    block_id: bytes
    timestamp: int
    transactions: tuple[str, ...] = ()

    @property
    def ref_hash(self) -> bytes:
        """By what transactions name it."""
        return self.block_id[8:16]


class Node:
    """One node's HTTP interface."""

    def __init__(self, at: TronNode) -> None:
        self._client = httpx.Client(base_url=at.url, headers=at.headers, timeout=TIMEOUT_SECONDS)
        self._genesis = ""

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def ask(self, path: str, **body: object) -> dict[str, Any]:
        """What it answers: an object, empty for what it does not know."""
        found = self._answer(path, body)
        if not isinstance(found, dict):
            raise TypeError("the answer is no object")
        return found

    def _answer(self, path: str, body: Mapping[str, object]) -> Any:
        answer = self._client.post(path, json=body)
        answer.raise_for_status()
        found = answer.json()
        if isinstance(found, dict) and "Error" in found:
            raise Refused(str(found["Error"]))
        return found

    def block(self, number: int | None = None, *, of: str = HEAD, with_transactions: bool = False) -> Block:
        """A block by its number, the newest without one."""
        wanted: Mapping[str, object] = {} if number is None else {"id_or_num": str(number)}
        found = self.ask(f"{of}/getblock", detail=with_transactions, **wanted)
        header = found["block_header"]["raw_data"]
        ids = tuple(str(sent["txID"]) for sent in found.get("transactions", []))
        return Block(
            int(header.get("number", 0)), bytes.fromhex(found["blockID"]), int(header.get("timestamp", 0)), ids
        )

    def genesis(self) -> str:
        """The id of its first block; it has another chain's if it changes, so it is asked for once."""
        self._genesis = self._genesis or self.block(0).block_id.hex()
        return self._genesis

    def info(self, transaction: str, *, of: str = HEAD) -> dict[str, Any]:
        """What became of a transaction; empty when no block has it."""
        return self.ask(f"{of}/gettransactioninfobyid", value=transaction)

    def infos(self, number: int, *, of: str = HEAD) -> list[dict[str, Any]]:
        """What became of the transactions of a block, in their order; none when it has no such block."""
        found = self._answer(f"{of}/gettransactioninfobyblocknum", {"num": number})
        if found == {}:
            return []
        if not isinstance(found, list):
            raise TypeError("the answer is no list")
        return found

    def has_seen(self, transaction: str) -> bool:
        """Whether a block that it has, solidified or not, has the transaction."""
        places = (f"{SOLID}/gettransactioninfobyid", f"{SOLID}/gettransactionbyid", f"{HEAD}/gettransactionbyid")
        return any(self.ask(place, value=transaction) for place in places)

    def remembers(self, ref_block: bytes, ref_hash: bytes, solid: Block) -> bool:
        """
        Whether it keeps its history since a block that a transaction names: a node that does not knows of nothing.

        It has that block, and what became of some transaction of it or of one of the next.
        """
        last = solid.number - (solid.number - int.from_bytes(ref_block, "big")) % ROUND
        for number in range(last, max(last - ROUNDS_LOOKED_BACK * ROUND, 0), -ROUND):
            if self.block(number, of=SOLID).ref_hash == ref_hash:
                return self._keeps(range(number, min(number + BLOCKS_LOOKED_AT, solid.number)))
        return False

    def _keeps(self, numbers: range) -> bool:
        for number in numbers:
            for transaction in self.block(number, of=SOLID, with_transactions=True).transactions:
                return bool(self.info(transaction, of=SOLID))
        return False


class Nodes(BelievedNodes[Node]):
    """The nodes of one TRON network."""

    def __init__(self, chain: TronChain) -> None:
        super().__init__(chain.name, [_node(at) for at in chain.nodes])
        self.chain = chain

    def asking(self) -> AbstractContextManager[None]:
        """Likewise for all of them."""
        return asking()

    def fault(self, node: Node) -> str:
        """Of another network, behind, or silent."""
        try:
            with asking():
                if (found := node.genesis()) != self.chain.genesis:
                    return f"is on the chain of {found}"
                age = clock.now().timestamp() - node.block().timestamp / SECONDS
        except Unreachable as error:
            return f"does not answer ({error})"
        return f"has a head {age:.0f} s old" if age > self.chain.head_seconds else ""


_nodes: dict[TronNode, Node] = {}  # each keeps its connections open


def _node(at: TronNode) -> Node:
    if at not in _nodes:
        _nodes[at] = Node(at)
    return _nodes[at]


def hang_up() -> None:
    """Close all connections."""
    while _nodes:
        _nodes.popitem()[1].close()
