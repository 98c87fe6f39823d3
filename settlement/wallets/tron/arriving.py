"""What comes to a wallet on a TRON network: the token's logs, as every node that can be believed has them."""

from collections import Counter
from dataclasses import dataclass

from settlement.tron_chains import TronChain
from settlement.wallets.base import Arrival, Horizon, Unreachable
from settlement.wallets.tron.logs import moved
from settlement.wallets.tron.nodes import SOLID, Node, Nodes, asking
from settlement.wallets.tron.token import Token

type Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Log:
    """One transfer as one node has it: what nodes must agree on."""

    block_number: int
    log_index: int
    sender: str
    amount_minor: int


def horizon(nodes: Nodes, chain: TronChain, address: str) -> Horizon:
    """
    How high the chain is for the nodes that can be believed.

    :raises Unreachable: one of them does not answer, or has another token than the pinned one.
    """
    with asking():
        believed = nodes.believed()
        for node in believed:
            if fault := Token(node, chain, address).fault():
                raise Unreachable(f"{chain.name}: {fault}")
        return Horizon(
            head=max(node.block().number for node in believed),
            final=min(node.block(of=SOLID).number for node in believed),
        )


def arrivals(nodes: Nodes, chain: TronChain, address: str, first: int, last: int) -> list[Arrival]:
    """
    What came to the address in these blocks, whichever node has it; final where all have the same, solidified.

    :raises Unreachable: one of the nodes does not answer.
    """
    with asking():
        believed = nodes.believed()
        solid = {node: node.block(of=SOLID).number for node in believed}
        told = [_told(node, chain, address, (first, last), solid[node]) for node in believed]
    found: dict[Key, Log] = {}
    for logs in reversed(told):
        found |= logs  # the first node's word last: it is kept where they differ
    made = [
        Arrival(
            tx_hash=tx_hash,
            position=position,
            log_index=log.log_index,
            block_number=log.block_number,
            sender=log.sender,
            amount_minor=log.amount_minor,
            is_final=log.block_number <= min(solid.values())
            and all(logs.get((tx_hash, position)) == log for logs in told),
        )
        for (tx_hash, position), log in found.items()
        if log.amount_minor
    ]
    return sorted(made, key=lambda one: (one.block_number, one.log_index))


def _told(node: Node, chain: TronChain, address: str, span: tuple[int, int], solid: int) -> dict[Key, Log]:
    """What one node has of these blocks; it may be behind."""
    found: dict[Key, Log] = {}
    counts: Counter[str] = Counter()
    for one in moved(node, chain, *span, solid):
        if one.receiver == address:
            found[one.tx_hash, counts[one.tx_hash]] = Log(one.block_number, one.log_index, one.sender, one.amount_minor)
            counts[one.tx_hash] += 1
    return found
