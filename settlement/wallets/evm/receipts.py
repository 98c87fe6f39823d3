"""What became of transactions, as every node that can be believed has it: two requests to each for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from web3 import Web3

from settlement.chains import EvmChain
from settlement.wallets.base import Receipt
from settlement.wallets.evm.nodes import FINALIZED, NodeError, Nodes, Question, ask, asking
from settlement.wallets.evm.token import transferred

REVERTED, OUT_OF_GAS, WRONG_LOG = "reverted", "out_of_gas", "wrong_log"

type Raw = Mapping[str, Any]  # as a node writes it


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What one node has of some transactions: receipts whose block is on its chain, and the transactions they are of.

    `head` and `final` are its newest block and the highest that is final for it, read after the receipts.
    """

    receipts: Mapping[str, Raw]
    sent: Mapping[str, Raw]
    head: int
    final: int


def receipts(nodes: Nodes, chain: EvmChain, address: str, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
    """
    Where the chain has them, as the first node says; final only where every node says the same.

    :raises Unreachable: no node to ask, or one of them does not answer.
    """
    with asking():
        first, *others = nodes.believed()
        seen = see(first, chain, tx_hashes)
        if not seen.receipts:
            return {}
        final = [seen, *(see(node, chain, list(seen.receipts)) for node in others)]
        return {
            tx_hash: _receipt(tx_hash, seen, chain, address, is_final=_is_final(tx_hash, final, chain, address))
            for tx_hash in seen.receipts
        }


def see(node: Web3, chain: EvmChain, tx_hashes: Sequence[str]) -> Seen:
    """Ask one node: for the receipts first, then for their blocks and how high it is."""
    told = ask(node, [("eth_getTransactionReceipt", [tx_hash]) for tx_hash in tx_hashes])
    found = {tx_hash: one for tx_hash, answer in zip(tx_hashes, told, strict=True) if (one := answer.value())}
    if not found:
        return Seen({}, {}, 0, 0)
    heights = sorted({str(one["blockNumber"]) for one in found.values()})
    blocks: list[Question] = [("eth_getBlockByNumber", [height, False]) for height in heights]
    sent: list[Question] = [("eth_getTransactionByHash", [tx_hash]) for tx_hash in found]
    heads: list[Question] = [("eth_blockNumber", [])]
    if not chain.confirmations:
        heads.append(("eth_getBlockByNumber", [FINALIZED, False]))
    answers = ask(node, [*blocks, *sent, *heads])
    values = [answer.value() for answer in answers]
    if None in values:
        raise NodeError("it has a receipt without its block or its transaction")
    hashes = {height: block["hash"] for height, block in zip(heights, values[: len(blocks)], strict=True)}
    on_chain = {tx_hash: one for tx_hash, one in found.items() if hashes[one["blockNumber"]] == one["blockHash"]}
    head = int(values[len(blocks) + len(sent)], 16)
    final = head - chain.confirmations + 1 if chain.confirmations else int(values[-1]["number"], 16)
    return Seen(on_chain, dict(zip(found, values[len(blocks) : -len(heads)], strict=True)), head, final)


def _is_final(tx_hash: str, seen: Sequence[Seen], chain: EvmChain, address: str) -> bool:
    """Whether every node has it in the same block, with the same outcome, and that block is final for it."""
    told = []
    for each in seen:
        if (one := each.receipts.get(tx_hash)) is None or int(one["blockNumber"], 16) > each.final:
            return False
        told.append((one["blockHash"], one["status"], transferred(one["logs"], chain, address, nonce=0)))
    return all(one == told[0] for one in told)


def _receipt(tx_hash: str, seen: Seen, chain: EvmChain, address: str, *, is_final: bool) -> Receipt:
    found, sent = seen.receipts[tx_hash], seen.sent[tx_hash]
    number, used, is_good = (int(found[name], 16) for name in ("blockNumber", "gasUsed", "status"))
    pays = transferred(found["logs"], chain, address, int(sent["nonce"], 16)) if is_good else None
    fault = WRONG_LOG if is_good else OUT_OF_GAS if used >= int(sent["gas"], 16) else REVERTED
    return Receipt(
        tx_hash=tx_hash,
        block_number=number,
        confirmations=max(seen.head - number + 1, 1),
        is_final=is_final,
        pays=pays,
        fault="" if pays else fault,
        sender=address if pays else "",
        has_failed=not is_good,
        fee=used * int(found["effectiveGasPrice"], 16),
    )
