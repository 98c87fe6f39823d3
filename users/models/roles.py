"""Roles and who holds them. What each role may do stands in `users.capabilities`."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """The desk's roles; see the permission matrix in docs/architecture.md."""

    TRADER = "trader", _("Trader")
    LP = "lp", _("LP dealer")
    OPS = "ops", _("Operations")
    APPROVER = "approver", _("Approver")
    ADMIN = "admin", _("Administrator")
    AUDITOR = "auditor", _("Auditor")
    SERVICE = "service", _("Service")


# Separation of duties: an auditor only looks, and a service or a trading party never decides.
DECIDING_ROLES = [Role.APPROVER.value, Role.ADMIN.value]
PROPOSING_ROLES = [role.value for role in (Role.TRADER, Role.LP, Role.OPS, Role.APPROVER, Role.ADMIN)]
STAFF_ROLES = (Role.OPS, Role.APPROVER, Role.ADMIN, Role.AUDITOR)


class RoleGrant(models.Model):
    """One role of one user. A revoked one keeps its row."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=16, choices=Role.choices)
    granted_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(revoked_at__isnull=True), name="role_granted_once"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"
