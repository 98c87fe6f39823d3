"""What every wallet can do, whatever its chain."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from settlement.models import Wallet


class Broadcast(StrEnum):
    """What a node said to a transaction. `UNKNOWN` is an outcome of its own: ask the chain, never re-sign."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Payment:
    """What is to be paid: minor units of the wallet's token."""

    to_address: str
    amount_minor: int
    nonce: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: the bytes to send, and the hash they will have on chain."""

    raw: bytes
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the chain has a transaction. `pays` is what it moved there, to compare with what was meant."""

    block_number: int
    confirmations: int
    is_final: bool
    pays: Payment | None


class WalletPort(ABC):
    """A wallet on one chain. Signing is local; the other calls go over the network and hold no lock."""

    def __init__(self, wallet: Wallet) -> None:
        self.wallet = wallet

    @abstractmethod
    def sign(self, payment: Payment) -> Signed:
        """Sign a payment; the same payment gives the same bytes."""

    @abstractmethod
    def decode(self, raw: bytes) -> Payment:
        """What signed bytes would pay; read back before they are sent."""

    @abstractmethod
    def broadcast(self, raw: bytes) -> Broadcast:
        """Send signed bytes. Sending the same ones again is harmless."""

    @abstractmethod
    def receipt(self, tx_hash: str) -> Receipt | None:
        """Where the chain has the transaction; nothing if it does not know it."""
