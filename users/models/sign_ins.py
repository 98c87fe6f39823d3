"""How often a password was wrong lately, and until when no further one is looked at."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class SignInAttempts(models.Model):
    """
    The count for one name: from one address, or from all addresses together.

    Names are kept as keyed hashes: people type passwords into the wrong field. `user` says whose name it
    is, if anybody's. `succeeded_at` is when both factors were last given from this address.
    """

    class Scope(models.TextChoices):
        """What is counted together."""

        ADDRESS = "address", _("Name and address")
        NAME = "name", _("Name, all addresses")

    scope = models.CharField(max_length=8, choices=Scope.choices)
    name_hash = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_in_attempts", null=True, blank=True
    )
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "sign-in attempts"
        indexes = [models.Index(fields=["last_at"], name="sign_in_attempts_last")]
        constraints = [
            models.UniqueConstraint(
                fields=["name_hash", "scope", "address"], name="sign_in_attempts_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(scope__in=["address", "name"]), name="sign_in_attempts_scope_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.name_hash[:12]} {self.address or ''}".strip()


def hashed_name(username: str) -> str:
    """What a typed name is counted under; case does not matter in a name."""
    return salted_hmac("users.sign-in", username.strip().lower(), algorithm="sha256").hexdigest()
