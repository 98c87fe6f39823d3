"""When nobody is told of a type of alert, or of one alert."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from trading.lib.ids import new_ref
from users.models.approvals import Meaningful


class Silence(models.Model):
    """
    A quiet period with its reason and its end. `fingerprint` "" means every alert of the type.

    The database refuses one that is longer than an hour while the type's rule is critical (AL04).
    """

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "SIL"))
    type = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=64, blank=True)
    reason = models.TextField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        indexes = [models.Index(fields=["ends_at"], condition=Q(ended_at__isnull=True), name="silence_running")]
        constraints = [
            models.CheckConstraint(condition=Meaningful(F("reason")), name="silence_reason_meaningful"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="silence_ends"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="silence_ended_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.ref
