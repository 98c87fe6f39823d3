"""
Dual control: a proposed act, the second person's verdict on it, and the proof that it was them.

    pending -> approved -> executed | failed        pending -> declined
    pending | approved -> expired | cancelled | superseded

The database checks each step again (`users/migrations/0004_dual_control.py`); nothing here has to be
trusted for four eyes to hold.
"""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from trading.lib.fields import Xid8Field
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models.people import Counterparty, Person
from users.models.roles import DECIDING_ROLES, PROPOSING_ROLES, Role


class Meaningful(Func):
    """Whether a text has at least 20 characters that are not blank in any script."""

    function = "desk_meaningful"
    output_field = models.BooleanField()


class ApprovalPolicy(models.Model):
    """One version of how an act is decided. A newer version replaces it; no version ever changes."""

    append_only: ClassVar[bool] = True

    act = models.CharField(max_length=48)
    version = models.PositiveIntegerField()
    quorum = models.PositiveSmallIntegerField(default=1)
    proposer_roles = models.JSONField()
    approver_role = models.CharField(max_length=16, choices=Role.choices, default=Role.APPROVER)
    threshold = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    expires_after = models.DurationField()
    execute_within = models.DurationField()
    step_up_within = models.DurationField()
    made_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "approval policies"
        constraints = [
            models.UniqueConstraint(fields=["act", "version"], name="policy_version"),
            models.CheckConstraint(condition=Q(quorum__gte=1, quorum__lte=5), name="policy_quorum_sane"),
            models.CheckConstraint(condition=Q(approver_role__in=DECIDING_ROLES), name="policy_decided_by_approvers"),
            models.CheckConstraint(
                condition=Q(proposer_roles__contained_by=PROPOSING_ROLES) & ~Q(proposer_roles=[]),
                name="policy_proposed_by_actors",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} v{self.version}"


class ApprovalRequest(StateMachine):
    """
    A proposed act. `digest` is what an approver signs: the database computes it over what was proposed.

    `target` is what the proposer saw of the target; when that has changed, the request is superseded. Its
    `target_digest`, which is part of what is signed, is computed by the database too.
    """

    class Status(models.TextChoices):
        """Where it stands."""

        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        EXECUTED = "executed", _("Executed")
        FAILED = "failed", _("Failed")
        DECLINED = "declined", _("Declined")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Withdrawn")
        SUPERSEDED = "superseded", _("Superseded")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.PENDING})
    OPEN: ClassVar[frozenset[str]] = frozenset({Status.PENDING, Status.APPROVED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.PENDING: frozenset(
            {Status.APPROVED, Status.DECLINED, Status.EXPIRED, Status.CANCELLED, Status.SUPERSEDED}
        ),
        Status.APPROVED: frozenset(
            {Status.EXECUTED, Status.FAILED, Status.EXPIRED, Status.CANCELLED, Status.SUPERSEDED}
        ),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "APR"))
    act = models.CharField(max_length=48)
    policy = models.ForeignKey(ApprovalPolicy, on_delete=models.PROTECT, related_name="requests")
    subject_type = models.CharField(max_length=32)
    subject_ref = models.CharField(max_length=32)
    subject_person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    subject_counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    target = models.JSONField(default=dict)
    target_digest = models.BinaryField()
    payload = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    reason = models.TextField(max_length=1000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    nominee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    idempotency_key = models.CharField(max_length=64)
    digest = models.BinaryField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    execute_by = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.TextField(blank=True)
    executed_xid = Xid8Field(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["status", "-id"], name="approval_status")]
        constraints = [
            models.UniqueConstraint(
                fields=["act", "subject_ref"],
                condition=Q(status__in=["pending", "approved"]),
                name="approval_one_open",
            ),
            models.UniqueConstraint(fields=["requested_by", "idempotency_key"], name="approval_key_once"),
            models.CheckConstraint(condition=Meaningful(F("reason")), name="approval_reason_meaningful"),
            models.CheckConstraint(
                condition=Q(nominee__isnull=True) | ~Q(nominee=F("requested_by")), name="approval_nominates_another"
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class StepUp(models.Model):
    """A fresh proof of who somebody is, for one decision on one digest. Five minutes, once."""

    append_only: ClassVar[bool] = True

    class Method(models.TextChoices):
        """How it was proved. `sandbox` is the seed's: the demo people cannot type."""

        TOTP = "totp", _("One-time code")
        PASSKEY = "passkey", _("Passkey")
        SANDBOX = "sandbox", _("Sandbox")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="step_ups")
    method = models.CharField(max_length=8, choices=Method.choices)
    digest = models.BinaryField()
    verified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(method__in=["totp", "passkey", "sandbox"]), name="step_up_method")
        ]

    def __str__(self) -> str:
        return f"{self.user} by {self.method}"


class ApprovalDecision(models.Model):
    """One person's verdict on one request, with a reason of their own."""

    append_only: ClassVar[bool] = True

    class Verdict(models.TextChoices):
        """Yes or no."""

        APPROVE = "approve", _("Approve")
        DECLINE = "decline", _("Decline")

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(max_length=1000)
    digest = models.BinaryField()
    step_up = models.OneToOneField(StepUp, on_delete=models.PROTECT, related_name="decision")
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "person"], name="decision_one_a_person"),
            models.CheckConstraint(condition=Q(verdict__in=["approve", "decline"]), name="decision_verdict"),
            models.CheckConstraint(condition=Meaningful(F("reason")), name="decision_reason_meaningful"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.request_id}"
