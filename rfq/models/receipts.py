"""Receipts: what the desk signed about a settled trade, once for each who may read it."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rfq.models.trading import Fill
from trading.lib.ids import new_ref


class Receipt(models.Model):
    """
    The signed facts of one fill for one reader: its client, its LP, or the desk itself. Added once, never changed.

    `facts` are the exact bytes that were signed, as text; `digest` is their SHA-256 in hexadecimal, `signature` is in
    base64. A trade that was reversed after its receipt gets one more of each, which says so
    (`is_of_reversal`). `salt` hides the audit event behind the hash a party is given, and is shown to nobody.
    """

    append_only: ClassVar[bool] = True

    class Side(models.TextChoices):
        """Who reads it."""

        CLIENT = "client", _("Client")
        LP = "lp", _("LP")
        DESK = "desk", _("Desk")

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "RCT"))
    fill = models.ForeignKey(Fill, on_delete=models.PROTECT, related_name="receipts")
    side = models.CharField(max_length=8, choices=Side.choices)
    facts = models.TextField()
    digest = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)
    salt = models.CharField(max_length=32)
    is_of_reversal = models.BooleanField(default=False, db_default=False)
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fill", "side", "is_of_reversal"], name="receipt_once"),
            models.CheckConstraint(condition=Q(side__in=["client", "lp", "desk"]), name="receipt_side_known"),
        ]

    def __str__(self) -> str:
        return self.ref
