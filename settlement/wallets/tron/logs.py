"""
The transfers of the token that a TRON node's blocks have.

A node has no index of logs by address without an extension, so each block is asked for what its transactions did.
Solidified blocks no longer change; those above them are as the node's head has them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from settlement.addresses import tron_address, tron_body
from settlement.tron_chains import TronChain
from settlement.wallets.tron.nodes import HEAD, SOLID, Node
from settlement.wallets.tron.token import ADDRESS, FAILED, TRANSFER_LOG, WORD

TOPICS = len(("log", "from", "to"))
PREFIX = bytes([0x41])


@dataclass(frozen=True, slots=True)
class Moved:
    """One transfer of the token, and where its log stands: in its transaction's block, the `log_index`-th log."""

    tx_hash: str
    block_number: int
    log_index: int
    sender: str
    receiver: str
    amount_minor: int


def moved(node: Node, chain: TronChain, first: int, last: int, solid: int) -> Iterator[Moved]:
    """Every transfer in the node's blocks, both included, as far as it has them; of nothing too."""
    for number in range(first, min(last, node.block().number) + 1):
        index = 0
        for info in node.infos(number, of=SOLID if number <= solid else HEAD):
            for log in info.get("log", []):
                if found := _transfer(info, log, chain):
                    yield Moved(str(info["id"]), number, index, *found)
                index += 1


def _transfer(info: Mapping[str, Any], log: Mapping[str, Any], chain: TronChain) -> tuple[str, str, int] | None:
    """From whom, to whom, how much; nothing when it is another log, or of a transaction that failed."""
    topics = [bytes.fromhex(topic) for topic in log.get("topics", [])]
    data = bytes.fromhex(log.get("data", ""))
    is_transfer = (
        info.get("result") != FAILED
        and log["address"] == tron_body(chain.token)[1:].hex()
        and len(topics) == TOPICS
        and topics[0] == TRANSFER_LOG
        and len(data) == WORD
    )
    if not is_transfer:
        return None
    sender, receiver = (tron_address(PREFIX + topic[-ADDRESS:]) for topic in topics[1:])
    return sender, receiver, int.from_bytes(data, "big")
