"""Which payments of the bank and the chain are booked, as what."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class BookedReference(models.Model):
    """
    One payment at the bank or on chain, booked once in its direction. Triggers write it; nobody else does.

    `reference` is in the form it is compared in (`settlement_reference_key`), `booked_as` the ref of the deposit,
    withdrawal, LP payment or settlement that took it.
    """

    kept_by_triggers: ClassVar[bool] = True

    class Way(models.TextChoices):
        """Whose money moved."""

        IN = "in", _("Came in")
        OUT = "out", _("Went out")

    way = models.CharField(max_length=3, choices=Way.choices)
    reference = models.CharField(max_length=80)
    booked_as = models.CharField(max_length=16)
    booked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reference", "way"], name="reference_booked_once")]

    def __str__(self) -> str:
        return f"{self.way} {self.reference}"
