"""
The audit log: events nobody can rewrite, and the seals that prove it.

Events are only added. A job seals committed events in batches; each seal holds the hash of its
events and of the seal before it. (A chain head locked by every write would make all writes wait
for each other.)
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class AuditEvent(models.Model):
    """One act: who did what to what, from where, why, and what it changed."""

    append_only: ClassVar[bool] = True

    at = models.DateTimeField()
    name = models.CharField(max_length=64)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor_name = models.CharField(max_length=64, blank=True)
    capability = models.CharField(max_length=64, blank=True)
    subject_type = models.CharField(max_length=32)
    subject_ref = models.CharField(max_length=32)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    secondary_approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    digest = models.BinaryField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject_ref", "id"], name="audit_subject"),
            models.Index(fields=["name", "id"], name="audit_name"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(subject_ref=""), name="audit_says_what"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_ref}"


class AuditSeal(models.Model):
    """The seal on one batch of events. `number` has no gaps; `previous_hash` chains it to the one before."""

    append_only: ClassVar[bool] = True

    number = models.BigIntegerField(unique=True)
    event_ids = ArrayField(models.BigIntegerField())
    events_hash = models.BinaryField()
    previous_hash = models.BinaryField(unique=True)
    hash = models.BinaryField(unique=True)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(number__gte=1), name="seal_numbered"),
            models.CheckConstraint(condition=Q(event_ids__len__gte=1), name="seal_not_empty"),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"
