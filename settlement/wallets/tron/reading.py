"""What left and came to a wallet on a TRON network, for comparing it with the books: by the token's logs."""

from settlement.tron_chains import TronChain
from settlement.wallets.base import Outgoing
from settlement.wallets.tron.logs import Moved, moved
from settlement.wallets.tron.nodes import SOLID, Nodes, asking

type Span = tuple[int, int]


def final_height(nodes: Nodes) -> int:
    """The newest block that every node that can be believed calls solidified."""
    with asking():
        return min(node.block(of=SOLID).number for node in nodes.believed())


def outgoing(nodes: Nodes, chain: TronChain, address: str, span: Span) -> list[Outgoing]:
    """What left the address. A transfer of nothing is left out: `transferFrom` lets anybody make one of anybody."""
    return [
        Outgoing(one.tx_hash, one.log_index, one.block_number, one.receiver, one.amount_minor)
        for one in _moved(nodes, chain, span)
        if one.sender == address and one.amount_minor
    ]


def incoming(nodes: Nodes, chain: TronChain, address: str, span: Span) -> int:
    """What came to the address."""
    return sum(one.amount_minor for one in _moved(nodes, chain, span) if one.receiver == address)


def _moved(nodes: Nodes, chain: TronChain, span: Span) -> list[Moved]:
    with asking():
        node = nodes.first()
        return list(moved(node, chain, *span, node.block(of=SOLID).number))
