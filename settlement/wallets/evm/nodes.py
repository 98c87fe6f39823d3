"""The nodes of an EVM chain: which of them can be believed, and what they say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from eth_typing import URI
from requests.exceptions import RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from settlement.chains import EvmChain
from settlement.wallets.base import Unreachable
from settlement.wallets.believing import BelievedNodes
from trading.lib import clock

TIMEOUT_SECONDS = 10
MOST_AT_ONCE = 50  # questions in one request: nodes, and those who let them, take more
LATEST: Final = "latest"
FINALIZED: Final = "finalized"
LONGEST_WORDS = 200
REVERTED = 3  # the code nodes give what a contract refused

type Question = tuple[str, list[Any]]


class NodeError(Web3Exception):
    """A node answered a question with an error."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a node answered to one question among several: something, nothing, or an error."""

    result: Any = None
    error: Mapping[str, Any] | None = None

    @property
    def is_reverted(self) -> bool:
        """Whether a contract refused what it was asked."""
        error = self.error or {}
        return error.get("code") == REVERTED or "revert" in str(error.get("message", ""))

    @property
    def words(self) -> str:
        """The node's own words where it was an error, else nothing."""
        return str(self.error.get("message", self.error))[:LONGEST_WORDS] if self.error else ""

    def value(self) -> Any:
        """
        What it is; None where the node has no such thing.

        :raises NodeError: it was an error.
        """
        if self.error is not None:
            raise NodeError(self.words)
        return self.result

    def number(self) -> int:
        """
        A number.

        :raises NodeError: it was an error, or is none.
        """
        try:
            return int(self.value(), 16)
        except TypeError as error:
            raise NodeError("no number") from error


def ask(node: Web3, questions: Sequence[Question]) -> list[Told]:
    """What a node answers to several questions, in their order: one request for every fifty."""
    told: list[Told] = []
    provider = cast("HTTPProvider", node.provider)
    for first in range(0, len(questions), MOST_AT_ONCE):
        some = [(RPCEndpoint(method), words) for method, words in questions[first : first + MOST_AT_ONCE]]
        answers = provider.make_batch_request(some)
        if not isinstance(answers, list) or len(answers) != len(some):
            raise NodeError(f"{len(some)} questions were not answered one by one: {answers}")
        told += [Told(answer.get("result"), _error_of(answer)) for answer in answers]
    return told


def _error_of(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    error = answer.get("error")
    return error if error is None or isinstance(error, Mapping) else {"message": error}


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


class Nodes(BelievedNodes[Web3]):
    """The nodes of one EVM chain."""

    def __init__(self, chain: EvmChain) -> None:
        super().__init__(chain.name, [_node(url) for url in chain.nodes])
        self.chain = chain

    def asking(self) -> AbstractContextManager[None]:
        """Likewise for all of them."""
        return asking()

    def final_height(self, node: Web3) -> int:
        """The highest block that a node takes for final; its head when that is at the first block."""
        if self.chain.confirmations:
            return max(node.eth.block_number - self.chain.confirmations + 1, 0)
        return int(node.eth.get_block(FINALIZED)["number"])

    def fault(self, node: Web3) -> str:
        """Of another chain, behind, or silent."""
        try:
            chain_id, head = ask(node, [("eth_chainId", []), ("eth_getBlockByNumber", [LATEST, False])])
            if (found := chain_id.number()) != self.chain.chain_id:
                return f"is on chain {found}, not {self.chain.chain_id}"
            age = clock.now().timestamp() - int(head.value()["timestamp"], 16)
        except (RequestException, Web3Exception, ValueError, TypeError) as error:
            return f"does not answer ({words_of(error)})"
        return f"has a head {age:.0f} s old" if age > self.chain.head_seconds else ""


_nodes: dict[str, Web3] = {}  # by address: each keeps its connections open


def _node(url: str) -> Web3:
    if url not in _nodes:
        provider = HTTPProvider(URI(url), {"timeout": TIMEOUT_SECONDS}, exception_retry_configuration=None)
        _nodes[url] = Web3(provider, middleware=[])  # theirs ask for the chain's id with every call
    return _nodes[url]


def words_of(error: Exception) -> str:
    """What a node said: the kind, and its own message; never the text of a lost connection, which holds the address."""
    if isinstance(error, RequestException):
        return type(error).__name__
    return f"{type(error).__name__}: {error}"[:LONGEST_WORDS]
