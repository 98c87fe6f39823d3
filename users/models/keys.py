"""API keys: credentials of programs. Only a keyed hash is kept; the key itself is shown once."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from trading.lib.ids import new_ref
from users.models.approvals import ApprovalRequest


class ApiKey(models.Model):
    """
    One key of a service or of a trading party's login, made by a request that two people carried.

    It exists without a secret until its proposer collects it, once. The database checks each step
    (`users/migrations/0007_api_keys.py`).
    """

    class State(models.TextChoices):
        """Where it stands; reckoned, not stored."""

        UNCOLLECTED = "uncollected", _("Not collected yet")
        LAPSED = "lapsed", _("Never collected")
        LIVE = "live", _("Live")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", _("Revoked")

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "KEY"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys")
    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="api_key")
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="successors")
    name = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=48))
    addresses = ArrayField(models.CharField(max_length=43))
    identifier = models.CharField(max_length=16, unique=True, null=True, blank=True)
    secret_hash = models.BinaryField(null=True, blank=True)
    created_at = models.DateTimeField()
    collect_by = models.DateTimeField()
    collected_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="api_key_user")]
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & Q(scopes__len__gte=1), name="api_key_says_what_for"),
            models.CheckConstraint(
                condition=Q(collected_at__isnull=True, identifier__isnull=True, secret_hash__isnull=True)
                | Q(collected_at__isnull=False, identifier__isnull=False, secret_hash__isnull=False),
                name="api_key_collected_whole",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="api_key_expires_later"),
        ]

    def __str__(self) -> str:
        return self.ref

    def state(self, *, at: datetime) -> str:
        """Where it stands at this instant."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        if self.collected_at is None:
            return self.State.UNCOLLECTED if at < self.collect_by else self.State.LAPSED
        return self.State.LIVE if at < self.expires_at else self.State.EXPIRED
