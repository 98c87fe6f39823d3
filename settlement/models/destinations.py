"""Where money may go: bank accounts of clients and LPs, and the desk's own that money comes in by."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from settlement.models.ledger import Asset
from trading.lib.ids import new_ref
from users.models import Counterparty


class BankAccount(models.Model):
    """
    An account at a bank: asked for, approved by two, ended. Of nobody: the desk's own.

    What it is never changes; another account is another row. The database lets `approved_at` be set
    only in the transaction that executed the request `bank_account.add` about it.
    """

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "BNK"))
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="bank_accounts"
    )
    currency = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    holder = models.CharField(max_length=140)
    number = models.CharField(max_length=34)
    is_iban = models.BooleanField()
    bank = models.CharField(max_length=140)
    bic = models.CharField(max_length=11, blank=True)
    label = models.CharField(max_length=64, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["counterparty", "currency", "number"],
                condition=Q(ended_at__isnull=True),
                name="bank_account_once",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(fields=["asked_by", "key"], condition=~Q(key=""), name="bank_account_key_once"),
            models.UniqueConstraint(
                fields=["currency"],
                condition=Q(counterparty__isnull=True, approved_at__isnull=False, ended_at__isnull=True),
                name="bank_account_one_of_the_desk",
            ),
            models.CheckConstraint(condition=~Q(holder="") & ~Q(bank=""), name="bank_account_complete"),
            models.CheckConstraint(condition=Q(number__regex=r"^[0-9A-Z-]{4,34}$"), name="bank_account_number"),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def is_usable(self) -> bool:
        """Whether money may go there: approved and not ended."""
        return self.approved_at is not None and self.ended_at is None

    @property
    def words(self) -> str:
        """How people name it: its label, or the end of its number."""
        return self.label or _("%(bank)s …%(end)s") % {"bank": self.bank, "end": self.number[-4:]}
