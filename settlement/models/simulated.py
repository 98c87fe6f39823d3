"""The chain of the `simulated` wallet: what its transactions would be on a real one."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class SimulatedTransaction(models.Model):
    """A transaction the simulated chain accepted. One nonce of one sender is used once, as on a real chain."""

    append_only: ClassVar[bool] = True

    tx_hash = models.CharField(max_length=80, primary_key=True)
    sender = models.CharField(max_length=64)
    nonce = models.BigIntegerField()
    to_address = models.CharField(max_length=64)
    amount_minor = models.DecimalField(max_digits=38, decimal_places=0)
    accepted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "nonce"], name="simulated_nonce_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="simulated_positive"),
        ]

    def __str__(self) -> str:
        return self.tx_hash
