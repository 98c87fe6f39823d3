"""Onboarding: what was checked about somebody before they were let in, and the evidence of it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from users.models.approvals import Meaningful
from users.models.people import Counterparty


class OnboardingCheck(models.Model):
    """One look at one thing. A later one of the same kind takes its place; none is ever changed."""

    append_only: ClassVar[bool] = True

    class Kind(models.TextChoices):
        """What was looked at."""

        IDENTITY = "identity", _("Identity document")
        MANDATE = "mandate", _("Mandate to act")
        SCREENING = "screening", _("Sanctions and PEP screening")
        REGISTRATION = "registration", _("Registration of the firm")
        OWNERSHIP = "ownership", _("Beneficial owners")

    class Result(models.TextChoices):
        """What came of it."""

        PASSED = "passed", _("Passed")
        FAILED = "failed", _("Failed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="onboarding_checks"
    )
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="onboarding_checks"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    result = models.CharField(max_length=6, choices=Result.choices)
    evidence = models.TextField(max_length=1000)
    valid_until = models.DateField(null=True, blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["user", "kind", "-id"], name="onboarding_user"),
            models.Index(fields=["counterparty", "kind", "-id"], name="onboarding_counterparty"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True, counterparty__isnull=False)
                | Q(user__isnull=False, counterparty__isnull=True),
                name="onboarding_about_one",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False, kind__in=["identity", "mandate", "screening"])
                | Q(counterparty__isnull=False, kind__in=["registration", "ownership", "screening"]),
                name="onboarding_kind_fits",
            ),
            models.CheckConstraint(condition=Q(result__in=["passed", "failed"]), name="onboarding_result_known"),
            models.CheckConstraint(condition=Meaningful(F("evidence")), name="onboarding_evidence_meaningful"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.result}"
