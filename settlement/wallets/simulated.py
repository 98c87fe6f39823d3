"""
A wallet on a chain that exists in one table: same steps, same refusals, no node.

A block comes every second; three make a payment final.
"""

import hashlib
import hmac
import json

from django.conf import settings
from django.db import IntegrityError, transaction

from settlement.models import SimulatedTransaction
from settlement.wallets.base import Broadcast, Payment, Receipt, Signed, WalletPort
from trading.lib import clock

BLOCK_SECONDS = 1
FINAL_AFTER = 3


class SimulatedWallet(WalletPort):
    """Signs with an HMAC over the payment; the "node" checks it, as a real one checks a signature."""

    def sign(self, payment: Payment) -> Signed:
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

    def broadcast(self, raw: bytes) -> Broadcast:
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
            return Broadcast.KNOWN if is_known else Broadcast.REFUSED
        return Broadcast.ACCEPTED

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Mined with the first block after it was accepted."""
        found = SimulatedTransaction.objects.filter(pk=tx_hash).first()
        if found is None:
            return None
        confirmations = int((clock.now() - found.accepted_at).total_seconds() // BLOCK_SECONDS)
        if confirmations < 1:
            return None
        return Receipt(
            block_number=int(found.accepted_at.timestamp()) // BLOCK_SECONDS + 1,
            confirmations=confirmations,
            is_final=confirmations >= FINAL_AFTER,
            pays=Payment(found.to_address, int(found.amount_minor), found.nonce),
        )

    def _signature(self, body: bytes) -> bytes:
        key = hashlib.sha256(f"{settings.SECRET_KEY}:{self.wallet.name}".encode()).digest()
        return hmac.digest(key, body, "sha256")


def _hash(raw: bytes) -> str:
    return "0x" + hashlib.sha256(raw).hexdigest()
