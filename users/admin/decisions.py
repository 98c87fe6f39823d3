"""What two decide: requests, decisions, proofs, policies."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from users.admin.site import site
from users.admin.tables import Review, hexadecimal
from users.models import (
    ApprovalDecision,
    ApprovalPolicy,
    ApprovalRequest,
    StepUp,
)


class Decisions(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """What was decided on a request."""

    model = ApprovalDecision
    extra = 0
    can_delete = False
    fields = ("verdict", "decided_by", "person", "reason", "step_up", "decided_at")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - likewise
        """Whoever was let in may look."""
        return site.has_permission(request)


@admin.register(ApprovalRequest, site=site)
class ApprovalRequestReview(Review):
    """What was proposed, and what became of it."""

    list_display = ("ref", "act", "subject_ref", "status", "requested_by", "nominee", "created_at", "closed_at")
    list_filter = ("status", "act", "created_at")
    search_fields = ("=ref", "=subject_ref", "=requested_by__username")
    list_select_related = ("requested_by", "nominee")
    inlines = (Decisions,)
    fields: ClassVar[list[Any]] = [
        "ref", "act", "policy", "subject_type", "subject_ref", "subject_person", "payload", "reason", "requested_by",
        "nominee", "status", "created_at", "expires_at", "approved_at", "execute_by", "closed_at", "closed_by",
        "outcome", "target", "digest_hex", "target_digest_hex",
    ]  # fmt: skip
    digest_hex, target_digest_hex = staticmethod(hexadecimal("digest")), staticmethod(hexadecimal("target_digest"))


@admin.register(ApprovalDecision, site=site)
class ApprovalDecisionReview(Review):
    """Who decided what."""

    list_display = ("id", "request", "verdict", "decided_by", "person", "reason", "decided_at")
    list_filter = ("verdict", "decided_at")
    search_fields = ("=request__ref", "=decided_by__username")
    list_select_related = ("request", "decided_by", "person")
    fields: ClassVar[list[Any]] = [
        "request", "verdict", "decided_by", "person", "reason", "step_up", "decided_at", "digest_hex",
    ]  # fmt: skip
    digest_hex = staticmethod(hexadecimal("digest"))


@admin.register(StepUp, site=site)
class StepUpReview(Review):
    """The proofs of identity behind decisions."""

    list_display = ("id", "user", "method", "verified_at", "digest_hex")
    list_filter = ("method", "verified_at")
    search_fields = ("=user__username",)
    list_select_related = ("user",)
    fields: ClassVar[list[Any]] = ["user", "method", "verified_at", "digest_hex"]
    digest_hex = staticmethod(hexadecimal("digest"))


@admin.register(ApprovalPolicy, site=site)
class ApprovalPolicyReview(Review):
    """How acts are and were decided."""

    list_display = ("act", "version", "quorum", "proposer_roles", "approver_role", "expires_after", "made_at")
    list_filter = ("act",)
    search_fields = ("^act",)
