"""What comes to a wallet on an EVM chain: the token's `Transfer` logs, as every node that can be believed has them."""

from dataclasses import dataclass

from eth_typing import ChecksumAddress, HexStr
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.types import FilterParams, LogReceipt

from settlement.chains import EvmChain
from settlement.wallets.base import Arrival, Horizon, Unreachable
from settlement.wallets.evm.nodes import Nodes, asking
from settlement.wallets.evm.token import ADDRESS, TRANSFER_LOG, WORD, Token, word

TOPICS = len(("log", "from", "to"))

type Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Log:
    """One transfer as one node has it: what nodes must agree on."""

    block_hash: str
    block_number: int
    log_index: int
    sender: str
    amount_minor: int


def horizon(nodes: Nodes, chain: EvmChain) -> Horizon:
    """
    How high the chain is for the nodes that can be believed.

    :raises Unreachable: one of them does not answer, or has another token than the pinned one.
    """
    with asking():
        believed = nodes.believed()
        for node in believed:
            if fault := Token.on(node, chain, chain.token).fault:
                raise Unreachable(f"{chain.name}: {fault}")
        return Horizon(
            head=max(node.eth.block_number for node in believed),
            final=min(nodes.final_height(node) for node in believed),
        )


def arrivals(nodes: Nodes, chain: EvmChain, address: ChecksumAddress, first: int, last: int) -> list[Arrival]:
    """
    What came to the address in these blocks, whichever node has it; final where all have the same.

    :raises Unreachable: one of the nodes does not answer.
    """
    with asking():
        believed = nodes.believed()
        final = min(nodes.final_height(node) for node in believed)
        told = [_told(node, chain, address, first, last) for node in believed]
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
            is_final=log.block_number <= final and all(logs.get((tx_hash, position)) == log for logs in told),
        )
        for (tx_hash, position), log in found.items()
        if log.amount_minor
    ]
    return sorted(made, key=lambda one: (one.block_number, one.log_index))


def _told(node: Web3, chain: EvmChain, address: ChecksumAddress, first: int, last: int) -> dict[Key, Log]:
    """What one node has of these blocks; it may be behind."""
    until = min(last, node.eth.block_number)
    if until < first:
        return {}
    wanted: FilterParams = {
        "address": to_checksum_address(chain.token),
        "fromBlock": first,
        "toBlock": until,
        "topics": [HexStr("0x" + TRANSFER_LOG.hex()), None, HexStr("0x" + word(address).hex())],
    }
    found: dict[Key, Log] = {}
    counts: dict[str, int] = {}
    logs = [log for log in node.eth.get_logs(wanted) if _is_transfer(log, chain, address)]
    for log in sorted(logs, key=lambda one: (one["blockNumber"], one["logIndex"])):
        tx_hash = "0x" + bytes(log["transactionHash"]).hex()
        position = counts[tx_hash] = counts.get(tx_hash, -1) + 1
        found[tx_hash, position] = Log(
            block_hash="0x" + bytes(log["blockHash"]).hex(),
            block_number=log["blockNumber"],
            log_index=log["logIndex"],
            sender=str(to_checksum_address("0x" + bytes(log["topics"][1])[-ADDRESS:].hex())),
            amount_minor=int.from_bytes(bytes(log["data"]), "big"),
        )
    return found


def _is_transfer(log: LogReceipt, chain: EvmChain, address: ChecksumAddress) -> bool:
    """Whether it is what was asked for: a node's filter is its word alone."""
    topics = [bytes(topic) for topic in log["topics"]]
    return (
        to_checksum_address(log["address"]) == to_checksum_address(chain.token)
        and len(topics) == TOPICS
        and topics[0] == TRANSFER_LOG
        and topics[2] == word(address)
        and len(log["data"]) == WORD
    )
