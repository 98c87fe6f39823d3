"""A password that two people took away, and the one-time way to a new one."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from trading.lib.ids import new_ref
from users.models.approvals import ApprovalRequest


class PasswordReset(models.Model):
    """
    One reset, made by a request that two people carried. Its proposer collects its code once, to hand it over.

    With the code the person sets a new password, once, and then still needs the second factor. The newest
    reset of a login is the one that counts. The database checks each step
    (`users/migrations/0015_password_resets.py`).
    """

    class State(models.TextChoices):
        """Where it stands; reckoned, not stored."""

        UNCOLLECTED = "uncollected", _("Not collected yet")
        COLLECTED = "collected", _("Collected")
        USED = "used", _("Used")
        LAPSED = "lapsed", _("Too late")

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "PWR"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="password_resets")
    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="password_reset")
    secret_hash = models.BinaryField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    collected_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="password_reset_user")]
        constraints = [
            models.CheckConstraint(
                condition=Q(collected_at__isnull=True, secret_hash__isnull=True, used_at__isnull=True)
                | Q(collected_at__isnull=False, secret_hash__isnull=False),
                name="password_reset_collected_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    def state(self, *, at: datetime) -> str:
        """Where it stands at this instant."""
        if self.used_at is not None:
            return self.State.USED
        if at >= self.expires_at:
            return self.State.LAPSED
        return self.State.COLLECTED if self.collected_at else self.State.UNCOLLECTED
