"""Money that comes to a client's balance, by bank or on chain."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from settlement.models.ledger import Asset
from settlement.models.transfers import Wallet
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import Counterparty


class Deposit(StateMachine):
    """
    Fiat that a client announced, or that ops found at the bank; or USDT that the watcher saw come to a wallet.

    By bank its ref is the reference the payer is asked to write, `amount` is what the bank says it received, and
    `announced` what the client said it would send. On chain nobody entered it: `sender` is the address it came from,
    `position` which of its transaction's transfers to the wallet it is. The log's index counts in the block, and a
    reorganisation may change both; the position stays. Without a client it is somebody's nobody knows yet.
    """

    class Status(models.TextChoices):
        """See the table in docs/money.md."""

        ANNOUNCED = "announced", _("Announced")
        SEEN = "seen", _("Seen on chain")
        RECEIVED = "received", _("Received")
        SUSPENSE = "suspense", _("Sender unknown")
        CREDITED = "credited", _("Credited")
        RETURNED = "returned", _("Returned")
        CANCELLED = "cancelled", _("Cancelled")
        GONE = "gone", _("Gone from the chain")
        LEFT_OUT = "left_out", _("Not a deposit")
        UNDONE = "undone", _("Undone by its chain")
        TAKEN_OFF = "taken_off", _("Taken off again")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.ANNOUNCED, Status.RECEIVED, Status.SUSPENSE, Status.SEEN})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.ANNOUNCED: frozenset({Status.RECEIVED, Status.CANCELLED}),
        Status.RECEIVED: frozenset({Status.CREDITED}),
        Status.SEEN: frozenset({Status.CREDITED, Status.SUSPENSE, Status.GONE, Status.LEFT_OUT}),
        Status.GONE: frozenset({Status.SEEN}),
        Status.SUSPENSE: frozenset({Status.CREDITED, Status.RETURNED, Status.LEFT_OUT, Status.UNDONE}),
        Status.CREDITED: frozenset({Status.RETURNED, Status.UNDONE}),
        Status.UNDONE: frozenset({Status.CREDITED, Status.SUSPENSE, Status.TAKEN_OFF}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "DEP"))
    client = models.ForeignKey(Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="deposits")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    announced = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    amount = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    bank_reference = models.CharField(max_length=64, null=True, blank=True, unique=True)
    sender = models.CharField(max_length=140, blank=True)
    return_reference = models.CharField(max_length=80, null=True, blank=True, unique=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, null=True, blank=True, related_name="deposits")
    tx_hash = models.CharField(max_length=80, blank=True, default="", db_default="")
    position = models.PositiveSmallIntegerField(null=True, blank=True)
    log_index = models.PositiveIntegerField(null=True, blank=True)
    block_number = models.BigIntegerField(null=True, blank=True)
    final_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)  # since it is booked: whether the chain has it still
    reason = models.CharField(max_length=64, blank=True, default="", db_default="")
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    key = models.CharField(max_length=64)
    status = models.CharField(max_length=12, choices=Status.choices)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    credited_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "-id"], name="deposit_status"),
            models.Index(fields=["client", "-id"], name="deposit_client"),
            models.Index(fields=["tx_hash"], condition=~Q(tx_hash=""), name="deposit_transaction"),
            models.Index(
                fields=["looked_at", "id"],
                condition=Q(status__in=["credited", "suspense", "undone"], wallet__isnull=False),
                name="deposit_booked_looked_at",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["entered_by", "key"], name="deposit_key_once"),
            models.CheckConstraint(
                condition=(Q(announced__isnull=True) | Q(announced__gt=0)) & (Q(amount__isnull=True) | Q(amount__gt=0)),
                name="deposit_positive",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["announced", "cancelled"])
                | Q(amount__isnull=False, bank_reference__isnull=False)
                | Q(amount__isnull=False, wallet__isnull=False),
                name="deposit_received_is_known",
            ),
            models.UniqueConstraint(fields=["wallet", "tx_hash", "position"], name="deposit_log_once"),
            models.CheckConstraint(
                condition=Q(
                    entered_by__isnull=False,
                    wallet__isnull=True,
                    tx_hash="",
                    position__isnull=True,
                    log_index__isnull=True,
                    block_number__isnull=True,
                    final_at__isnull=True,
                    reason="",
                )
                & ~Q(status__in=["seen", "gone", "left_out", "undone", "taken_off"])
                | Q(
                    entered_by__isnull=True,
                    wallet__isnull=False,
                    position__isnull=False,
                    log_index__isnull=False,
                    block_number__isnull=False,
                    announced__isnull=True,
                    bank_reference__isnull=True,
                )
                & ~Q(status__in=["announced", "received", "cancelled"])
                & ~Q(sender="")
                & ~Q(tx_hash=""),
                name="deposit_by_bank_or_on_chain",
            ),
            models.CheckConstraint(
                condition=Q(wallet__isnull=True)
                | Q(final_at__isnull=True, status__in=["seen", "gone"])
                | Q(final_at__isnull=False) & ~Q(status__in=["seen", "gone"]),
                name="deposit_booked_when_final",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["gone", "left_out", "undone", "taken_off"])
                & ~Q(status="suspense", wallet__isnull=False)
                | ~Q(reason=""),
                name="deposit_says_why",
            ),
            models.CheckConstraint(
                condition=Q(client__isnull=False)
                | Q(status__in=["suspense", "returned", "seen", "gone", "left_out", "undone", "taken_off"]),
                name="deposit_without_client_waits",
            ),
            models.CheckConstraint(
                condition=~Q(status="credited") | Q(credited_at__isnull=False), name="deposit_credited_when"
            ),
            models.CheckConstraint(
                condition=~Q(status="returned") | Q(return_reference__isnull=False), name="deposit_returned_how"
            ),
            models.CheckConstraint(
                condition=Q(return_reference__isnull=True) | ~Q(return_reference=F("bank_reference")),
                name="deposit_return_is_another_payment",
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def is_on_chain(self) -> bool:
        """Whether it came on a chain; else by bank."""
        return self.wallet_id is not None

    @property
    def wallet_account(self) -> str:
        """The account of the wallet it came to. Needs it loaded."""
        assert self.wallet is not None  # noqa: S101 - asked of what came on a chain
        return self.wallet.account.code


class ArrivalWatch(models.Model):
    """
    How far the transfers to a wallet were read from its chain, every node that can be believed agreeing.

    What came up to `first` was before anybody watched, and is nobody's deposit. Up to `last` no block changes any more.
    `head` is the highest block of the chain when it was looked at last.
    """

    wallet = models.OneToOneField(Wallet, on_delete=models.PROTECT, primary_key=True, related_name="watch")
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    head = models.BigIntegerField(default=0, db_default=0)
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(first__gte=0), name="watch_begins")]

    def __str__(self) -> str:
        return f"{self.wallet_id}: {self.first}-{self.last}"
