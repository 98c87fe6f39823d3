"""Which roles need a passkey."""

from typing import ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q

from users.models.roles import STAFF_ROLES, Role


class SecondFactorPolicyQuerySet(models.QuerySet["SecondFactorPolicy"]):
    """Versions of the policy."""

    def current(self) -> "SecondFactorPolicyQuerySet":
        """Leave the newest version of each role."""
        newer = SecondFactorPolicy.objects.filter(role=OuterRef("role"), version__gt=OuterRef("version"))
        return self.filter(~Exists(newer))


class SecondFactorPolicy(models.Model):
    """
    One version of what a role takes as second factor. A newer version replaces it; no version ever changes.

    Version 1 comes from `PASSKEY_ROLES`; every later one is carried by two (`second_factor.change`).
    """

    append_only: ClassVar[bool] = True

    role = models.CharField(max_length=16, choices=Role.choices)
    version = models.PositiveIntegerField()
    passkey_required = models.BooleanField()
    made_at = models.DateTimeField()

    objects = SecondFactorPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "second factor policies"
        constraints = [
            models.UniqueConstraint(fields=["role", "version"], name="second_factor_version"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in STAFF_ROLES]), name="second_factor_of_the_desk"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} v{self.version}"
