"""The same scene on every chain: a wallet with money, and a chain that does what a test says."""

from abc import ABC, abstractmethod

from django.db import connections

from settlement.models import SimulatedTransaction, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Look, Payment, Signed, WalletPort
from tests import factories
from tests.settlement.conftest import MovingClock
from tests.wallets import tron
from tests.wallets.node import Node, somebody

MINOR = 1_234_567


class Stage(ABC):
    """A wallet and its chain. `counts` says whether the chain counts the transactions of an address: its nonces."""

    counts = True

    def __init__(self, wallet: Wallet) -> None:
        self.wallet = wallet

    @property
    def port(self) -> WalletPort:
        """As a job would have it: one for each call."""
        return port_of(self.wallet)

    def look(self, to_address: str) -> Look:
        """What the chain says before a payment."""
        return self.port.look(to_address=to_address, amount_minor=MINOR)

    def signed(self, *, nonce: int = 0, to_address: str = "", minor: int = MINOR) -> tuple[Payment, Signed]:
        """A payment, and its bytes."""
        payment = Payment(to_address or self.recipient(), minor, nonce)
        return payment, self.port.sign(payment, self.look(payment.to_address).terms)

    @abstractmethod
    def recipient(self) -> str:
        """An address nobody has used."""

    @abstractmethod
    def mine(self, blocks: int = 1) -> None:
        """Let blocks come."""

    @abstractmethod
    def lose(self, tx_hash: str) -> None:
        """Forget a transaction that no block has."""

    @abstractmethod
    def reorg(self, tx_hash: str) -> None:
        """Replace the newest block, which has the transaction, by one without it."""

    @abstractmethod
    def paid(self, to_address: str) -> list[int]:
        """Every payment of the wallet to the address that the chain has."""


class SimulatedStage(Stage):
    """The chain that is one table; a second is a block."""

    def __init__(self, wallet: Wallet, time: MovingClock) -> None:
        super().__init__(wallet)
        self.time = time

    def recipient(self) -> str:
        return factories.unique("dest")

    def mine(self, blocks: int = 1) -> None:
        self.time.advance(blocks)

    def lose(self, tx_hash: str) -> None:
        table = SimulatedTransaction._meta.db_table
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"alter table {table} disable trigger user")  # the desk itself may not
            cursor.execute(f"delete from {table} where tx_hash = %s", [tx_hash])  # noqa: S608 - a name of ours
            cursor.execute(f"alter table {table} enable trigger user")
        connections["owner"].close()

    def reorg(self, tx_hash: str) -> None:
        self.lose(tx_hash)

    def paid(self, to_address: str) -> list[int]:
        rows = SimulatedTransaction.objects.filter(sender=self.wallet.address, to_address=to_address)
        return [int(minor) for minor in rows.values_list("amount_minor", flat=True)]


class EvmStage(Stage):
    """A real node."""

    def __init__(self, wallet: Wallet, node: Node) -> None:
        super().__init__(wallet)
        self.node = node

    def recipient(self) -> str:
        return somebody()

    def mine(self, blocks: int = 1) -> None:
        self.node.mine(blocks)

    def lose(self, tx_hash: str) -> None:
        self.node.drop(tx_hash)

    def reorg(self, tx_hash: str) -> None:
        assert self.node.call("eth_getTransactionReceipt", tx_hash) is not None
        self.node.reorg(1)

    def paid(self, to_address: str) -> list[int]:
        return self.node.paid(self.wallet.address, to_address)


class TronStage(Stage):
    """A TRON network's nodes over HTTP."""

    counts = False

    def __init__(self, wallet: Wallet, network: tron.Scene) -> None:
        super().__init__(wallet)
        self.network = network

    def recipient(self) -> str:
        return tron.somebody()

    def mine(self, blocks: int = 1) -> None:
        self.network.mine(blocks)

    def lose(self, tx_hash: str) -> None:
        self.network.lose(tx_hash)

    def reorg(self, tx_hash: str) -> None:
        assert tx_hash in self.network.blocks[-1].transactions
        self.network.reorg()

    def paid(self, to_address: str) -> list[int]:
        return self.network.paid(self.wallet.address, to_address)
