"""What took a settled trade back."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from settlement.models.settlements import Settlement
from users.models import ApprovalRequest


class Reversal(models.Model):
    """
    The reversal of one settled trade, with what two people signed: where the evidence is, and the dispute, if any.

    It stands for good: what was booked is booked back, and a trade is reversed once.
    """

    append_only: ClassVar[bool] = True

    settlement = models.OneToOneField(Settlement, on_delete=models.PROTECT, related_name="reversal")
    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="+")
    evidence = models.CharField(max_length=200)
    dispute = models.CharField(max_length=16, blank=True)
    reversed_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(evidence=""), name="reversal_has_evidence")]

    def __str__(self) -> str:
        return f"{self.settlement_id}: {self.evidence}"
