"""
A wallet on a chain that exists in one table: same steps, same refusals, no node.

A block comes every second; three make a payment final.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet, Sum

from settlement.chains import SIMULATED_FINAL_AFTER
from settlement.models import SimulatedTransaction
from settlement.wallets.base import (
    Answer,
    Arrival,
    Broadcast,
    Horizon,
    Look,
    Outgoing,
    Payment,
    Receipt,
    Signed,
    Standing,
    Terms,
    WalletPort,
)
from trading.lib import clock

BLOCK_SECONDS = 1
MINTED = "mint:"


class SimulatedWallet(WalletPort):
    """Signs with an HMAC over the payment; the "node" checks it, as a real one checks a signature."""

    def look(self, *, to_address: str = "", amount_minor: int = 0, reserved_minor: int = 0) -> Look:  # noqa: ARG002 - a chain of one table takes anything
        """Nothing is ever in the way, and nothing costs anything."""
        return Look()

    def nonce(self) -> int:
        """One more than the highest it has."""
        sent = SimulatedTransaction.objects.filter(sender=self.wallet.address)
        highest = sent.aggregate(highest=Max("nonce"))["highest"]
        return 0 if highest is None else int(highest) + 1

    def sign(self, payment: Payment, terms: Terms) -> Signed:  # noqa: ARG002 - see `look`
        """Deterministic: the same payment gives the same bytes."""
        content = [self.wallet.address, payment.nonce, payment.to_address, payment.amount_minor]
        body = json.dumps(content).encode()
        raw = self._signature(body) + body
        return Signed(raw=raw, tx_hash=_hash(raw))

    def decode(self, raw: bytes) -> Payment:
        """
        What the bytes would pay.

        :raises ValueError: they were not signed by this wallet.
        """
        signature, body = raw[:32], raw[32:]
        if not hmac.compare_digest(signature, self._signature(body)):
            raise ValueError("the signature does not fit")
        sender, nonce, to_address, amount_minor = json.loads(body)
        if sender != self.wallet.address:
            raise ValueError("another wallet signed this")
        return Payment(to_address=to_address, amount_minor=amount_minor, nonce=nonce)

    def broadcast(self, raw: bytes) -> Answer:
        """Put the transaction on the chain, unless it is there or its nonce is used."""
        payment, tx_hash = self.decode(raw), _hash(raw)
        try:
            with transaction.atomic():
                SimulatedTransaction.objects.create(
                    tx_hash=tx_hash,
                    sender=self.wallet.address,
                    nonce=payment.nonce,
                    to_address=payment.to_address,
                    amount_minor=payment.amount_minor,
                    accepted_at=clock.now(),
                )
        except IntegrityError:
            is_known = SimulatedTransaction.objects.filter(pk=tx_hash).exists()
            return Answer(Broadcast.KNOWN if is_known else Broadcast.REFUSED)
        return Answer(Broadcast.ACCEPTED)

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Mined with the first block after it was accepted."""
        found = SimulatedTransaction.objects.filter(pk=tx_hash).first()
        if found is None:
            return None
        confirmations = _confirmations(found)
        if confirmations < 1:
            return None
        return Receipt(
            tx_hash=tx_hash,
            block_number=_block_of(found),
            confirmations=confirmations,
            is_final=confirmations >= SIMULATED_FINAL_AFTER,
            pays=Payment(found.to_address, int(found.amount_minor), found.nonce),
            sender=found.sender,
        )

    def dearer(self, raw: bytes) -> Terms | None:  # noqa: ARG002 - see `look`
        """Nothing is ever stuck."""
        return None

    def balance(self) -> int:
        """What came to the address less what left it, in blocks there are."""
        mined = SimulatedTransaction.objects.filter(accepted_at__lte=clock.now() - timedelta(seconds=BLOCK_SECONDS))
        came = mined.filter(to_address=self.wallet.address).aggregate(total=Sum("amount_minor"))["total"] or 0
        left = mined.filter(sender=self.wallet.address).aggregate(total=Sum("amount_minor"))["total"] or 0
        return int(came - left)

    def standing(self) -> Standing:
        """As the block before the newest has it: of that one every receipt is there. Transactions are free."""
        height = _height() - 1
        own = SimulatedTransaction.objects.filter(sender=self.wallet.address)
        balance = _sum(_blocks(0, height).filter(to_address=self.wallet.address)) - _sum(
            _blocks(0, height).filter(sender=self.wallet.address)
        )
        highest = own.aggregate(highest=Max("nonce"))["highest"]
        return Standing(height, balance, 0 if highest is None else int(highest) + 1)

    def final_height(self) -> int:
        """Three blocks back."""
        return _height() - SIMULATED_FINAL_AFTER

    def outgoing(self, first: int, last: int) -> list[Outgoing]:
        """Every row of the table with this sender."""
        rows = _blocks(first, last).filter(sender=self.wallet.address).order_by("accepted_at", "nonce")
        return [Outgoing(row.tx_hash, 0, _block_of(row), row.to_address, int(row.amount_minor)) for row in rows]

    def incoming(self, first: int, last: int) -> int:
        """Every row of the table to this address."""
        return _sum(_blocks(first, last).filter(to_address=self.wallet.address))

    def is_spent(self, nonce: int) -> bool:
        """Whether a transaction of this wallet with that nonce is final."""
        found = SimulatedTransaction.objects.filter(sender=self.wallet.address, nonce=nonce).first()
        return found is not None and _confirmations(found) >= SIMULATED_FINAL_AFTER

    def horizon(self) -> Horizon:
        """Final is what has three blocks."""
        head = _height()
        return Horizon(head, head - SIMULATED_FINAL_AFTER + 1)

    def arrivals(self, first: int, last: int) -> list[Arrival]:
        """The rows of the table that pay the wallet. What was made out of nothing is booked by who made it."""
        rows = _blocks(first, last).filter(to_address=self.wallet.address)
        found = rows.exclude(sender__startswith=MINTED).order_by("accepted_at", "tx_hash")
        final = self.horizon().final
        return [
            Arrival(one.tx_hash, 0, 0, _block_of(one), one.sender, int(one.amount_minor), _block_of(one) <= final)
            for one in found
        ]

    def _signature(self, body: bytes) -> bytes:
        key = hashlib.sha256(f"{settings.SECRET_KEY}:{self.wallet.name}".encode()).digest()
        return hmac.digest(key, body, "sha256")


def mint(*, address: str, amount_minor: int, reference: str, now: datetime) -> None:
    """Give an address tokens out of nothing, as only a chain in a table can; once for each reference."""
    sender = f"{MINTED}{reference}"
    details = {"to_address": address, "amount_minor": amount_minor, "accepted_at": now}
    SimulatedTransaction.objects.get_or_create(
        sender=sender, nonce=0, defaults={"tx_hash": _hash(sender.encode()), **details}
    )


def send(*, sender: str, to_address: str, amount_minor: int, now: datetime) -> str:
    """Pay from an address that is no wallet of the desk, as only a chain without keys can; its transaction's hash."""
    nonce = SimulatedTransaction.objects.filter(sender=sender).count()
    tx_hash = _hash(json.dumps([sender, nonce, to_address, amount_minor]).encode())
    SimulatedTransaction.objects.create(
        tx_hash=tx_hash,
        sender=sender,
        nonce=nonce,
        to_address=to_address,
        amount_minor=amount_minor,
        accepted_at=now,
    )
    return tx_hash


def _height() -> int:
    return int(clock.now().timestamp()) // BLOCK_SECONDS


def _block_of(found: SimulatedTransaction) -> int:
    return int(found.accepted_at.timestamp()) // BLOCK_SECONDS + 1


def _blocks(first: int, last: int) -> QuerySet[SimulatedTransaction]:
    """What is in these blocks, both included."""
    since, until = (datetime.fromtimestamp(max(at, 0) * BLOCK_SECONDS, UTC) for at in (first - 1, last))
    return SimulatedTransaction.objects.filter(accepted_at__gte=since, accepted_at__lt=until)


def _sum(rows: QuerySet[SimulatedTransaction]) -> int:
    return int(rows.aggregate(total=Sum("amount_minor"))["total"] or 0)


def _confirmations(found: SimulatedTransaction) -> int:
    return int((clock.now() - found.accepted_at).total_seconds() // BLOCK_SECONDS)


def _hash(raw: bytes) -> str:
    return "0x" + hashlib.sha256(raw).hexdigest()
