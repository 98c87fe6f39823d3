"""How often a kind of alert was told."""

from django.db import models
from django.db.models import Q


class Alert(models.Model):
    """
    One kind of alert: when it was last told, and what was held back.

    `told` and `held_back` count for ever; `held_back_since` counts from the last one told, which it tells next.
    """

    name = models.CharField(max_length=32, unique=True)
    told_at = models.DateTimeField(null=True, blank=True)
    told = models.PositiveBigIntegerField(default=0)
    held_back = models.PositiveBigIntegerField(default=0)
    held_back_since = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(told=0) | Q(told_at__isnull=False), name="alert_told_when"),
            models.CheckConstraint(condition=Q(held_back_since__lte=models.F("held_back")), name="alert_counts_all"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """What an audit event about it names."""
        return self.name
