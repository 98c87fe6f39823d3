"""
What comes to a wallet on a TRON network: the token's `Transfer` logs, as every node that can be believed has them.

A node has no index of logs by address without an extension, so each block is asked for what its transactions did.
Solidified blocks no longer change; those above are told as the node's head has them, and are not final.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from settlement.addresses import tron_address, tron_body
from settlement.tron_chains import TronChain
from settlement.wallets.base import Arrival, Horizon, Unreachable
from settlement.wallets.tron.nodes import HEAD, SOLID, Node, Nodes, asking
from settlement.wallets.tron.token import ADDRESS, TRANSFER_LOG, WORD, Token, word

TOPICS = len(("log", "from", "to"))
PREFIX = bytes([0x41])
FAILED = "FAILED"

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
        told = [dict(_told(node, chain, address, range(first, last + 1), solid[node])) for node in believed]
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


def _told(node: Node, chain: TronChain, address: str, blocks: range, solid: int) -> Iterator[tuple[Key, Log]]:
    """What one node has of these blocks; it may be behind."""
    head = node.block().number
    for number in blocks[: max(head - blocks.start + 1, 0)]:
        index = 0
        for info in node.infos(number, of=SOLID if number <= solid else HEAD):
            position = 0
            for log in info.get("log", []):
                if moved := _moved(info, log, chain, address):
                    yield (str(info["id"]), position), Log(number, index, *moved)
                    position += 1
                index += 1


def _moved(info: Mapping[str, Any], log: Mapping[str, Any], chain: TronChain, address: str) -> tuple[str, int] | None:
    """Who sent how much to the address; nothing when it is another log, or of a transaction that failed."""
    topics = [bytes.fromhex(topic) for topic in log.get("topics", [])]
    data = bytes.fromhex(log.get("data", ""))
    is_transfer = (
        info.get("result") != FAILED
        and log["address"] == tron_body(chain.token)[1:].hex()
        and len(topics) == TOPICS
        and topics[0] == TRANSFER_LOG
        and topics[2] == word(address)
        and len(data) == WORD
    )
    return (tron_address(PREFIX + topics[1][-ADDRESS:]), int.from_bytes(data, "big")) if is_transfer else None
