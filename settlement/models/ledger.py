"""
The double-entry ledger. Only `settlement.ledger` writes it; the database enforces its rules.

Amounts are integer minor units, debits positive and credits negative, so every journal sums to
zero per asset and layer. The *posted* layer is money that moved; the *held* layer reserves it.
"""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from trading.lib.fields import CurrentTransaction, Xid8Field
from trading.lib.money import Unit
from users.models import Counterparty


class Asset(models.Model):
    """A currency or token the ledger keeps accounts in. `scale` is its number of decimals."""

    class Kind(models.TextChoices):
        """What sort of money it is."""

        FIAT = "fiat", _("Fiat currency")
        TOKEN = "token", _("Token")
        NATIVE = "native", _("Native coin")

    code = models.CharField(max_length=12, primary_key=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    chain = models.CharField(max_length=16, blank=True)
    contract = models.CharField(max_length=64, blank=True)
    scale = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(scale__lte=18), name="asset_scale_sane")]

    def __str__(self) -> str:
        return self.code

    @property
    def unit(self) -> Unit:
        """The asset as a unit of `Money`."""
        return Unit(self.code, self.scale)


class LedgerAccount(models.Model):
    """
    One account of one asset. `normal` is the side its balance grows on.

    Accounts of clients and hot wallets keep a cached `Balance`; all others are summed, since
    caching a row that every trade touches makes all trades wait for each other.
    """

    class Kind(models.TextChoices):
        """Whose money, or what for."""

        CLIENT = "client", _("Client balance")
        LP = "lp", _("LP balance")
        HOT = "hot", _("Hot wallet")
        BANK = "bank", _("Bank account")
        FX = "fx", _("Exchange")
        REVENUE = "revenue", _("Revenue")
        ROUNDING = "rounding", _("Rounding")
        HOLD = "hold", _("Holds")
        IN_TRANSIT = "in_transit", _("In transit")
        GAS = "gas", _("Gas")
        SUSPENSE = "suspense", _("Suspense")
        CAPITAL = "capital", _("Capital")

    class Normal(models.TextChoices):
        """Debit-normal accounts are what the desk has, credit-normal ones what it owes or earned."""

        DEBIT = "D", _("Debit")
        CREDIT = "C", _("Credit")

    code = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="accounts")
    normal = models.CharField(max_length=1, choices=Normal.choices)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger_accounts"
    )
    is_cached = models.BooleanField(default=False)
    credit_minor = models.DecimalField(max_digits=38, decimal_places=0, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "asset"], name="account_of_asset"),
            models.CheckConstraint(condition=Q(credit_minor__gte=0), name="account_credit_not_negative"),
            models.CheckConstraint(
                condition=Q(kind__in=["client", "lp"]) | Q(counterparty__isnull=True), name="account_owner_fits"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["client", "lp"]) | Q(counterparty__isnull=False), name="account_has_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Balance(models.Model):
    """
    The cached balance of one account, in its normal direction. Triggers keep it; nobody writes it.

    The floor is in the database: posted minus held never falls below minus the credit line.
    """

    kept_by_triggers: ClassVar[bool] = True

    account = models.OneToOneField(LedgerAccount, on_delete=models.PROTECT, primary_key=True, related_name="balance")
    posted = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    held = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    credit = models.DecimalField(max_digits=38, decimal_places=0, default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(held__gte=0), name="balance_held_not_negative"),
            models.CheckConstraint(condition=Q(posted__gte=F("held") - F("credit")), name="balance_floor"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.posted} ({self.held} held)"


class Journal(models.Model):
    """One balanced posting. Its key is its idempotency: the same input again is the same journal."""

    append_only: ClassVar[bool] = True

    key = models.CharField(max_length=96, unique=True)
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=32)
    input_hash = models.BinaryField()
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversal")
    xid = Xid8Field(db_default=CurrentTransaction())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["subject"], name="journal_subject"),
            models.Index(fields=["kind", "id"], name="journal_kind"),
            BrinIndex(fields=["created_at"], name="journal_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.key


class Entry(models.Model):
    """One leg of a journal: minor units, debit positive."""

    append_only: ClassVar[bool] = True

    class Layer(models.TextChoices):
        """Money that moved, or money reserved."""

        POSTED = "P", _("Posted")
        HELD = "H", _("Held")

    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries")
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="entries", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    layer = models.CharField(max_length=1, choices=Layer.choices)
    amount = models.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        verbose_name_plural = "entries"
        indexes = [models.Index(fields=["account", "layer", "id"], name="entry_of_account")]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="entry_not_zero"),
            models.CheckConstraint(condition=Q(layer__in=["P", "H"]), name="entry_layer_known"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.layer} {self.amount}"
