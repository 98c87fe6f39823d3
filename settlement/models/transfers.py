"""On-chain payments out of hot wallets, and the signed transactions that try to make them."""

from decimal import Decimal
from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from settlement.models.ledger import LedgerAccount
from settlement.models.lp_payments import LpPayment
from settlement.models.settlements import Settlement
from settlement.models.withdrawals import Withdrawal
from trading.lib.ids import new_ref
from trading.lib.money import Money
from trading.lib.states import StateMachine, Transitions

type Payable = Settlement | Withdrawal | LpPayment

OF_ONE = (
    Q(settlement__isnull=False, withdrawal__isnull=True, lp_payment__isnull=True)
    | Q(settlement__isnull=True, withdrawal__isnull=False, lp_payment__isnull=True)
    | Q(settlement__isnull=True, withdrawal__isnull=True, lp_payment__isnull=False)
)


class Wallet(models.Model):
    """
    A hot wallet: one address on one chain. `next_nonce` is drawn in the transaction that signs.

    Paused, it signs nothing; `pause_reason` is a code (`settlement.pauses`), or the words of the person who paused it.
    """

    name = models.CharField(max_length=32, unique=True)
    chain = models.CharField(max_length=16)
    address = models.CharField(max_length=64)
    account = models.OneToOneField(LedgerAccount, on_delete=models.PROTECT, related_name="wallet")
    next_nonce = models.BigIntegerField(default=0)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=1000, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    minimum = models.DecimalField(max_digits=24, decimal_places=6, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "address"], name="wallet_once"),
            models.CheckConstraint(condition=Q(next_nonce__gte=0), name="wallet_nonce_not_negative"),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, pause_reason="", paused_by__isnull=True)
                | Q(paused_at__isnull=False) & ~Q(pause_reason=""),
                name="wallet_paused_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OfPayable(models.Model):
    """What belongs to exactly one of the three that are paid on chain."""

    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="%(class)ss"
    )
    withdrawal = models.ForeignKey(
        Withdrawal, on_delete=models.PROTECT, null=True, blank=True, related_name="%(class)ss"
    )
    lp_payment = models.ForeignKey(
        LpPayment, on_delete=models.PROTECT, null=True, blank=True, related_name="%(class)ss"
    )

    class Meta:
        abstract = True

    @property
    def owner(self) -> Payable:
        """What it is of. Needs it loaded."""
        owner = self.settlement or self.withdrawal or self.lp_payment
        assert owner is not None  # noqa: S101 - the database: it is of one of the three
        return owner

    @property
    def owner_ref(self) -> str:
        """The ref of what it is of; its jobs run one at a time under it. Needs the owner loaded."""
        return self.owner.ref


class Transfers(models.QuerySet["Transfer"]):
    """Payments by what is known of them."""

    def unknown(self) -> "Transfers":
        """Those whose end nobody knows yet: no block has them."""
        return self.filter(status__in=["signed", "broadcast", "needs_review"])


class Transfer(OfPayable, StateMachine):
    """
    One on-chain payment, of one settlement, withdrawal or LP payment. It owns the chain's states.

    `generation` counts the payments tried for the same one; a second one needs proof that
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
    final_at = models.DateTimeField(null=True, blank=True)  # kept when a deep reorganisation undoes it: it is booked
    looked_at = models.DateTimeField(null=True, blank=True)  # since it is final: whether the chain has it still

    objects = Transfers.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["wallet", "id"],
                condition=Q(status__in=["signed", "broadcast", "mined", "needs_review"]),
                name="transfer_alive",
            ),
            models.Index(fields=["looked_at", "id"], condition=Q(status="final"), name="transfer_final_looked_at"),
            models.Index(
                fields=["updated_at"],
                condition=Q(status__in=["signed", "broadcast", "needs_review"]),
                name="transfer_unknown",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["settlement", "generation"], name="transfer_generation"),
            models.UniqueConstraint(fields=["settlement"], condition=~Q(status="abandoned"), name="transfer_one_alive"),
            models.UniqueConstraint(fields=["withdrawal", "generation"], name="transfer_withdrawal_generation"),
            models.UniqueConstraint(
                fields=["withdrawal"], condition=~Q(status="abandoned"), name="transfer_withdrawal_one_alive"
            ),
            models.UniqueConstraint(fields=["lp_payment", "generation"], name="transfer_lp_payment_generation"),
            models.UniqueConstraint(
                fields=["lp_payment"], condition=~Q(status="abandoned"), name="transfer_lp_payment_one_alive"
            ),
            models.CheckConstraint(condition=OF_ONE, name="transfer_of_one"),
            models.UniqueConstraint(fields=["wallet", "nonce"], name="transfer_nonce_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="transfer_positive"),
            models.CheckConstraint(
                condition=~Q(status__in=["needs_review", "abandoned"]) | Q(reason__gt=""), name="transfer_says_why"
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def amount(self) -> Decimal:
        """What it pays, in whole units. Needs the wallet's asset loaded."""
        return Money.from_minor(self.amount_minor, self.wallet.account.asset.unit).amount


class NonceFill(models.Model):
    """
    A signed transaction that moves nothing and uses up the nonce of a payment in review, which the chain has not used.

    Until something uses it no later payment of the wallet gets into a block. Like a payment's attempts its bytes are
    stored before they are sent and never change; `number` counts those of one nonce, each dearer than the last.
    """

    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="fills")
    number = models.PositiveSmallIntegerField(default=1)
    raw = models.BinaryField()
    tx_hash = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField()
    broadcast_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transfer", "number"], name="nonce_fill_number")]

    def __str__(self) -> str:
        return f"{self.transfer_id}#{self.number}"


class TransferAttempt(StateMachine):
    """
    One signed transaction of a transfer. Its bytes are stored before they are sent and never change.

    `sending_since` is there while the bytes may be on their way to the node: from the permission to send them until
    it is known that the node has them or does not want them. Where it stays, the answer was lost or the sender died.
    `broadcast_at` is when a node took them last, `out_since` when one did first.
    """

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
    sending_since = models.DateTimeField(null=True, blank=True)
    broadcast_at = models.DateTimeField(null=True, blank=True)
    out_since = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transfer", "number"], name="attempt_number")]

    def __str__(self) -> str:
        return f"{self.transfer_id}#{self.number}"
