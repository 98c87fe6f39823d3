"""Which of a chain's nodes can be believed, whatever the chain."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from settlement.wallets.base import Unreachable


class BelievedNodes[N](ABC):
    """The nodes of one chain that are on that chain and up to date, as they were when first asked for."""

    def __init__(self, chain: str, nodes: Sequence[N]) -> None:
        self._chain, self._nodes = chain, nodes
        self._believed: list[N] = []

    @abstractmethod
    def fault(self, node: N) -> str:
        """What is wrong with a node; "" for nothing. Its address may hold secrets: it is not told."""

    @abstractmethod
    def asking(self) -> AbstractContextManager[None]:
        """
        Around questions to nodes.

        :raises Unreachable: one was not answered, or with an error.
        """

    def believed(self) -> list[N]:
        """
        Those that can be believed, in the order of the settings.

        :raises Unreachable: none; says of each what is wrong with it.
        """
        if not self._believed:
            faults = self.faults()
            self._believed = [node for node, fault in zip(self._nodes, faults, strict=True) if not fault]
            if not self._believed:
                said = "; ".join(f"node {number} {fault}" for number, fault in enumerate(faults, start=1))
                raise Unreachable(f"{self._chain}: {said}")
        return self._believed

    def first(self) -> N:
        """
        The first of them.

        :raises Unreachable: there is none.
        """
        return self.believed()[0]

    def faults(self) -> list[str]:
        """What is wrong with each node, "" for nothing, in the order of the settings."""
        return [self.fault(node) for node in self._nodes]

    def all_say(self, question: Callable[[N], bool]) -> bool:
        """
        Whether all nodes that can be believed say yes.

        :raises Unreachable: one of them does not answer.
        """
        with self.asking():
            return all(question(node) for node in self.believed())
