"""The simulated wallet with a node that misbehaves as told."""

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from settlement.models import Wallet
from settlement.wallets.base import Answer, Broadcast, Payment, Receipt, Signed, Terms
from settlement.wallets.simulated import SimulatedWallet


class FakeWallet(SimulatedWallet):
    """
    Signs and sends as the simulated wallet does, and remembers both.

    `answers` are what the node says to the next broadcasts, whether it took the bytes or not;
    when none is left it says what is true.
    """

    signed: ClassVar[list[Payment]]
    sent: ClassVar[list[bytes]]
    answers: ClassVar[deque[Broadcast | Exception]]
    takes_bytes: ClassVar[bool]
    changes_payment: ClassVar[Callable[[Payment], Payment] | None]
    changes_receipt: ClassVar[Callable[[Receipt], Receipt | None] | None]

    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)

    @classmethod
    def begin(cls) -> None:
        """Forget all, and behave."""
        cls.signed, cls.sent, cls.answers = [], [], deque()
        cls.takes_bytes, cls.changes_payment, cls.changes_receipt = True, None, None

    def sign(self, payment: Payment, terms: Terms) -> Signed:
        """Sign it, or something else."""
        self.signed.append(payment)
        change = type(self).changes_payment
        return super().sign(change(payment) if change else payment, terms)

    def broadcast(self, raw: bytes) -> Answer:
        """Take the bytes or lose them; tell the truth or something else."""
        self.sent.append(raw)
        truth = super().broadcast(raw) if self.takes_bytes else Answer(Broadcast.UNKNOWN)
        told = self.answers.popleft() if self.answers else truth.outcome
        if isinstance(told, Exception):
            raise told
        return Answer(told)

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Show what the chain has, or something else."""
        found = super().receipt(tx_hash)
        change = type(self).changes_receipt
        return change(found) if found and change else found
