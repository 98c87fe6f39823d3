"""Which counterparties a person of the desk serves, where it is not the whole desk."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from users.models.people import Counterparty


class ScopeGrant(models.Model):
    """
    One counterparty that a scoped login serves (`User.is_scoped`). An ended grant keeps its row.

    Widening a scope takes two people, narrowing one; the database checks it (`users/migrations/0011_scopes.py`).
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="scope_grants")
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="scope_grants")
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "counterparty"], condition=Q(ended_at__isnull=True), name="scope_granted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.counterparty}"
