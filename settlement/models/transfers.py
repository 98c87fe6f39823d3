"""On-chain payments out of hot wallets, and the signed transactions that try to make them."""

from functools import partial
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from settlement.models.ledger import LedgerAccount
from settlement.models.settlements import Settlement
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions


class Wallet(models.Model):
    """A hot wallet: one address on one chain. `next_nonce` is drawn in the transaction that signs."""

    name = models.CharField(max_length=32, unique=True)
    chain = models.CharField(max_length=16)
    address = models.CharField(max_length=64)
    account = models.OneToOneField(LedgerAccount, on_delete=models.PROTECT, related_name="wallet")
    next_nonce = models.BigIntegerField(default=0)
    paused_at = models.DateTimeField(null=True, blank=True)
    minimum = models.DecimalField(max_digits=24, decimal_places=6, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "address"], name="wallet_once"),
            models.CheckConstraint(condition=Q(next_nonce__gte=0), name="wallet_nonce_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class Transfer(StateMachine):
    """
    One on-chain payment, of one settlement so far. It owns the chain's states.

    `generation` counts the payments tried for the same settlement; a second one needs proof that
    the first cannot happen any more, so only one may be alive.
    """

    class Status(models.TextChoices):
        """Where the chain has it."""

        SIGNED = "signed", _("Signed")
        BROADCAST = "broadcast", _("Broadcast")
        MINED = "mined", _("Mined")
        FINAL = "final", _("Final")
        NEEDS_REVIEW = "needs_review", _("Needs review")
        ABANDONED = "abandoned", _("Abandoned")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.SIGNED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.SIGNED: frozenset({Status.BROADCAST, Status.MINED, Status.NEEDS_REVIEW}),
        Status.BROADCAST: frozenset({Status.MINED, Status.NEEDS_REVIEW}),
        Status.MINED: frozenset({Status.FINAL, Status.BROADCAST, Status.NEEDS_REVIEW}),
        Status.NEEDS_REVIEW: frozenset({Status.BROADCAST, Status.FINAL, Status.ABANDONED}),
        Status.FINAL: frozenset({Status.BROADCAST}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "TRF"))
    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="transfers")
    generation = models.PositiveSmallIntegerField(default=1)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="transfers")
    to_address = models.CharField(max_length=64)
    amount_minor = models.DecimalField(max_digits=38, decimal_places=0)
    nonce = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.SIGNED)
    reason = models.CharField(max_length=64, blank=True)
    block_number = models.BigIntegerField(null=True, blank=True)
    confirmations = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    final_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settlement", "generation"], name="transfer_generation"),
            models.UniqueConstraint(fields=["settlement"], condition=~Q(status="abandoned"), name="transfer_one_alive"),
            models.UniqueConstraint(fields=["wallet", "nonce"], name="transfer_nonce_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="transfer_positive"),
        ]

    def __str__(self) -> str:
        return self.ref


class TransferAttempt(StateMachine):
    """One signed transaction of a transfer. Its bytes are stored before they are sent and never change."""

    class Status(models.TextChoices):
        """What became of it."""

        SIGNED = "signed", _("Signed")
        BROADCAST = "broadcast", _("Broadcast")
        MINED = "mined", _("Mined")
        FAILED = "failed", _("Failed")
        SUPERSEDED = "superseded", _("Superseded")
        EXPIRED = "expired", _("Expired")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.SIGNED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.SIGNED: frozenset({Status.BROADCAST, Status.MINED, Status.FAILED, Status.SUPERSEDED, Status.EXPIRED}),
        Status.BROADCAST: frozenset({Status.MINED, Status.FAILED, Status.SUPERSEDED, Status.EXPIRED}),
        Status.MINED: frozenset({Status.BROADCAST}),
        Status.SUPERSEDED: frozenset({Status.MINED}),
    }

    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField(default=1)
    raw = models.BinaryField()
    tx_hash = models.CharField(max_length=80, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.SIGNED)
    created_at = models.DateTimeField()
    broadcast_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transfer", "number"], name="attempt_number")]

    def __str__(self) -> str:
        return f"{self.transfer_id}#{self.number}"
