"""The nodes of an EVM chain: which of them can be believed, and what they say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eth_typing import URI
from requests.exceptions import RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception

from settlement.chains import EvmChain
from settlement.wallets.base import Unreachable
from trading.lib import clock

TIMEOUT_SECONDS = 10


@contextmanager
def asking() -> Iterator[None]:
    """
    Around questions to nodes.

    :raises Unreachable: one was not answered, or with an error.
    """
    try:
        yield
    except (RequestException, Web3Exception, ValueError) as error:
        raise Unreachable(words_of(error)) from None  # a request's own words have the node's address, with its key


class Nodes:
    """The nodes of one chain that are on that chain and up to date, as they were when first asked for."""

    def __init__(self, chain: EvmChain) -> None:
        self.chain = chain
        self._believed: list[Web3] = []

    def believed(self) -> list[Web3]:
        """
        Those that can be believed, in the order of the settings.

        :raises Unreachable: none; says of each what is wrong with it.
        """
        if not self._believed:
            faults = []
            for number, url in enumerate(self.chain.nodes, start=1):
                node = _node(url)
                if fault := self._fault(node):
                    faults.append(f"node {number} {fault}")
                else:
                    self._believed.append(node)
            if not self._believed:
                raise Unreachable(f"{self.chain.name}: {'; '.join(faults)}")
        return self._believed

    def first(self) -> Web3:
        """
        The first of them.

        :raises Unreachable: there is none.
        """
        return self.believed()[0]

    def faults(self) -> list[str]:
        """What is wrong with each node, "" for nothing, in the order of the settings. Addresses may hold secrets."""
        return [self._fault(_node(url)) for url in self.chain.nodes]

    def final_height(self, node: Web3) -> int:
        """The highest block that a node takes for final; its head when that is at the first block."""
        if self.chain.confirmations:
            return max(node.eth.block_number - self.chain.confirmations + 1, 0)
        return int(node.eth.get_block("finalized")["number"])

    def all_say(self, question: Callable[[Web3], bool]) -> bool:
        """
        Whether all nodes that can be believed say yes.

        :raises Unreachable: one of them does not answer.
        """
        with asking():
            return all(question(node) for node in self.believed())

    def _fault(self, node: Web3) -> str:
        try:
            if (found := node.eth.chain_id) != self.chain.chain_id:
                return f"is on chain {found}, not {self.chain.chain_id}"
            age = clock.now().timestamp() - node.eth.get_block("latest")["timestamp"]
        except (RequestException, Web3Exception, ValueError) as error:
            return f"does not answer ({words_of(error)})"
        return f"has a head {age:.0f} s old" if age > self.chain.head_seconds else ""


_nodes: dict[str, Web3] = {}  # by address: each keeps its connections open


def _node(url: str) -> Web3:
    if url not in _nodes:
        provider = HTTPProvider(URI(url), {"timeout": TIMEOUT_SECONDS}, exception_retry_configuration=None)
        _nodes[url] = Web3(provider)
    return _nodes[url]


def words_of(error: Exception) -> str:
    """What a node said: the kind, and its own message; never the text of a lost connection, which holds the address."""
    if isinstance(error, RequestException):
        return type(error).__name__
    return f"{type(error).__name__}: {error}"[:200]
