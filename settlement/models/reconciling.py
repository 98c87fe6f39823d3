"""What the periodic reconciliation found, how far each wallet's chain was read, and which database this is."""

from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from settlement.models.transfers import Wallet
from trading.lib.ids import new_ref


class Reconciliation(models.Model):
    """
    One round: what was compared, and what differed. Never changes.

    `wallets` keeps by name what each chain said beside the books, `differences` what did not agree, `unseen` what could
    not be looked at. `accounts`, `journals` and `entries` are there where the whole books were compared.
    """

    append_only: ClassVar[bool] = True

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "RCN"))
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    accounts = models.PositiveBigIntegerField(null=True, blank=True)
    journals = models.PositiveBigIntegerField(null=True, blank=True)
    entries = models.PositiveBigIntegerField(null=True, blank=True)
    wallets = models.JSONField(default=dict)
    differences = models.JSONField(default=list)
    unseen = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(accounts__isnull=True, journals__isnull=True, entries__isnull=True)
                | Q(accounts__isnull=False, journals__isnull=False, entries__isnull=False),
                name="reconciliation_books_or_not",
            ),
            models.CheckConstraint(condition=Q(ended_at__gte=models.F("begun_at")), name="reconciliation_ends_later"),
        ]
        indexes = [
            models.Index(fields=["-id"], condition=Q(accounts__isnull=False), name="reconciliation_of_books"),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def has_books(self) -> bool:
        """Whether the whole books were compared."""
        return self.accounts is not None

    def of_wallet(self, name: str) -> dict[str, Any] | None:
        """What the chain said about a wallet beside the books; nothing when it was not asked."""
        found: dict[str, Any] | None = self.wallets.get(name)
        return found

    def against(self, name: str) -> list[dict[str, str]]:
        """What stands in the way of a wallet: its own differences that stop it."""
        return [one for one in self.differences if one["wallet"] == name and one["halts"]]


class ChainReading(models.Model):
    """How far the transfers out of a wallet were read from its chain: from the first height, up to the last one."""

    wallet = models.OneToOneField(Wallet, on_delete=models.PROTECT, related_name="reading")
    first = models.BigIntegerField()
    last = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(last__gte=models.F("first")), name="reading_forward")]

    def __str__(self) -> str:
        return f"{self.wallet_id}: {self.first}-{self.last}"


class Outflow(models.Model):
    """A transfer of the token out of a wallet, as a final block has it, whoever made it. Never changes."""

    append_only: ClassVar[bool] = True

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="outflows")
    tx_hash = models.CharField(max_length=80)
    log_index = models.PositiveIntegerField()
    block_number = models.BigIntegerField()
    to_address = models.CharField(max_length=64)
    amount_minor = models.DecimalField(max_digits=38, decimal_places=0)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tx_hash", "wallet", "log_index"], name="outflow_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="outflow_positive"),
        ]

    def __str__(self) -> str:
        return self.tx_hash


class DatabaseHome(models.Model):
    """
    Which database these rows were last seen in: one that comes back from a backup is another. Never changes.

    `is_restored` says that a person called it restored, whatever it looks like.
    """

    append_only: ClassVar[bool] = True

    identity = models.CharField(max_length=80)
    is_restored = models.BooleanField(default=False)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.identity
