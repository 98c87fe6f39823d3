"""What every wallet can do, whatever its chain."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from settlement.models import Wallet

UNREACHABLE, NOT_CONFIGURED = "chain_unreachable", "chain_not_configured"


class Unreachable(Exception):
    """No node of the chain gave an answer that can be believed. Nothing follows from it but to ask again."""


class CannotSign(Exception):
    """The wallet has no key here, or was not looked at before. Whoever decided is rolled back."""


class Broadcast(StrEnum):
    """
    What a node said to a transaction.

    `UNKNOWN` is an outcome of its own: ask the chain, never re-sign. `REFUSED` is proof, not an error's text: another
    transaction has the nonce, so these bytes can never be mined. So is `EXPIRED`, where bytes have their time: it is
    over, and no final block has them.
    """

    ACCEPTED = "accepted"
    KNOWN = "known"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """How sending went, and the node's own words where it had any: evidence, and never what decides."""

    outcome: Broadcast
    said: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """What is to be paid: minor units of the wallet's token."""

    to_address: str
    amount_minor: int
    nonce: int


type Terms = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """
    What the chain looked like before a payment.

    `obstacle` says why it would not be paid now, "" that it would. `terms` are what the chain charges, for `sign`.
    """

    obstacle: str = ""
    terms: Terms = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: the bytes to send, and the hash they will have on chain."""

    raw: bytes
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    Where the chain has a transaction.

    `pays` is what it moved there, to compare with what was meant. Nothing when it failed (`has_failed`: the chain undid
    it, and nothing moved) or moved something else; `fault` says how.
    `sender` is the address it moved it from; "" when the port does not say. `fee` is what the chain took for it: the
    smallest units of its own coin; nothing when the port does not say.
    """

    tx_hash: str
    block_number: int
    confirmations: int
    is_final: bool
    pays: Payment | None
    fault: str = ""
    sender: str = ""
    has_failed: bool = False
    fee: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What the chain has of a wallet, all of it as one block has it: `height`.

    `coins` are what pays for transactions, in whole ones, `transfers` how many payments they are good for at today's
    price; nothing where transactions are free.
    """

    height: int
    balance_minor: int
    nonce: int
    coins: Decimal | None = None
    transfers: int | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One transfer of the token out of a wallet, as a block has it, whoever made it."""

    tx_hash: str
    log_index: int
    block_number: int
    to_address: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Horizon:
    """How high a chain is: its highest block that any believed node has, and the highest that is final for all."""

    head: int
    final: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    A transfer of the token to a wallet, in a block of the chain.

    `position` says which of its transaction's transfers to the wallet it is, from 0. `is_final`: every node that can be
    believed has the very same one, in a block that is final for it.
    """

    tx_hash: str
    position: int
    log_index: int
    block_number: int
    sender: str
    amount_minor: int
    is_final: bool


class WalletPort(ABC):
    """
    A wallet on one chain. Signing is local; the other calls go over the network and hold no lock.

    `blocks_at_once` says of how many blocks it may be asked at once what they moved.
    """

    blocks_at_once: ClassVar[int] = 1000  # what every provider answers in one question

    def __init__(self, wallet: Wallet) -> None:
        self.wallet = wallet

    @abstractmethod
    def look(self, *, to_address: str = "", amount_minor: int = 0, reserved_minor: int = 0) -> Look:
        """
        Whether the chain would take a payment now, read only. Without an address: whether it would take any.

        :param reserved_minor: what signed payments will take that the chain does not show yet.
        :raises Unreachable: no node to ask.
        """

    @abstractmethod
    def nonce(self) -> int:
        """
        How many transactions of the wallet's address the chain has; 0 where a chain does not count them.

        :raises Unreachable: no node to ask.
        """

    @abstractmethod
    def sign(self, payment: Payment, terms: Terms) -> Signed:
        """
        Sign a payment; the same payment on the same terms gives the same bytes.

        :raises CannotSign: no key, or no terms where the chain wants some.
        """

    @abstractmethod
    def decode(self, raw: bytes) -> Payment:
        """
        What signed bytes would pay; read back before they are sent.

        :raises ValueError: they are no payment of this wallet with its token on its chain.
        """

    @abstractmethod
    def broadcast(self, raw: bytes) -> Answer:
        """Send signed bytes. Sending the same ones again is harmless. A lost answer is `UNKNOWN`, never an error."""

    def send(self, raws: Sequence[bytes]) -> list[Answer]:
        """Send the signed bytes of several payments, in this order; what became of each, as `broadcast` says it."""
        return [self.broadcast(raw) for raw in raws]

    @abstractmethod
    def receipt(self, tx_hash: str) -> Receipt | None:
        """
        Where the chain has the transaction; nothing if it does not know it.

        :raises Unreachable: no node to ask.
        """

    def receipts(self, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
        """
        Where the chain has these transactions; those that it does not know are left out.

        :raises Unreachable: no node to ask.
        """
        found = {tx_hash: self.receipt(tx_hash) for tx_hash in tx_hashes}
        return {tx_hash: receipt for tx_hash, receipt in found.items() if receipt is not None}

    @abstractmethod
    def dearer(self, raw: bytes) -> Terms | None:
        """
        Terms on which the payment of stuck bytes would get through; nothing when it is not stuck or at the cap.

        :raises Unreachable: no node to ask.
        """

    @abstractmethod
    def balance(self) -> int:
        """
        What the chain says the wallet has of its token: minor units.

        :raises Unreachable: no node to ask.
        """

    @abstractmethod
    def standing(self) -> Standing:
        """
        Balance, nonce and gas of the wallet as the newest block has them.

        :raises Unreachable: no node to ask, or it has forgotten that block.
        """

    @abstractmethod
    def final_height(self) -> int:
        """
        The highest block that can no longer be undone.

        :raises Unreachable: no node to ask.
        """

    @abstractmethod
    def outgoing(self, first: int, last: int) -> list[Outgoing]:
        """
        Every transfer of the token out of the wallet in these blocks, both included, that moved anything.

        Anybody can have a token write that a wallet sent nothing; such lines are left out.

        :raises Unreachable: no node to ask.
        """

    @abstractmethod
    def incoming(self, first: int, last: int) -> int:
        """
        What came to the wallet in these blocks, both included: minor units of its token.

        :raises Unreachable: no node to ask.
        """

    def is_spent(self, nonce: int) -> bool:  # noqa: ARG002 - ports that can say look
        """
        Whether a final block has used up the wallet's nonce, every node agrees; False also when the port cannot say.

        :raises Unreachable: no node to ask.
        """
        return False

    def empty_terms(self) -> Terms | None:
        """
        Terms on which a transaction that moves nothing would get through; nothing when it cannot be paid for now.

        Nothing as well where the chain has no nonces that such a transaction could use up.

        :raises Unreachable: no node to ask.
        """
        return None

    def empty(self, nonce: int, terms: Terms) -> Signed:  # noqa: ARG002 - ports that have terms can sign
        """
        Sign a transaction that moves nothing and uses up a nonce.

        :raises CannotSign: no key here, or the chain has no such thing.
        """
        raise CannotSign(f"wallet {self.wallet.name}: its chain has no nonces to use up")

    def reads_empty(self, raw: bytes) -> int:  # noqa: ARG002 - likewise
        """
        The nonce that signed bytes use up without moving anything; read back before they are sent.

        :raises ValueError: they do something else, or are not this wallet's.
        """
        raise ValueError("no bytes of this chain move nothing")

    def is_unseen(self, tx_hash: str) -> bool:
        """
        Whether no node that can be believed has the transaction in a block of the chain.

        :raises Unreachable: one of them does not answer.
        """
        return self.receipt(tx_hash) is None

    def is_void(self, nonce: int, attempts: Sequence[Signed]) -> bool:
        """
        Whether a payment that was signed did not happen and never will, whichever of its attempts is looked at.

        The order is the proof: what used the nonce is in a final block by then, so it can be found if it is one of
        them. A port whose chain has no nonces proves it in its own way.

        :raises Unreachable: one of the nodes does not answer.
        """
        return self.is_spent(nonce) and all(self.is_unseen(attempt.tx_hash) for attempt in attempts)

    @abstractmethod
    def horizon(self) -> Horizon:
        """
        How high the chain is, and up to where no block changes any more.

        :raises Unreachable: no node to ask, or the token is not the pinned one.
        """

    @abstractmethod
    def arrivals(self, first: int, last: int) -> list[Arrival]:
        """
        What came to the wallet in these blocks, both included, oldest first, whichever node has it.

        Only transfers of the pinned token that moved anything; a transaction that failed moved nothing.

        :raises Unreachable: one of the nodes does not answer.
        """
