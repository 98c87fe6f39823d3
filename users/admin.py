"""
The Django admin, for reviewing evidence: it shows and changes nothing.

Only who signed in with both factors and holds `audit.view` gets in. It has no door of its own: others
are sent to the console's sign-in. (The runtime role could not change evidence anyway.)
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from users import access, capabilities
from users.models import (
    ApiKey,
    ApprovalDecision,
    ApprovalPolicy,
    ApprovalRequest,
    AuditEvent,
    AuditSeal,
    Counterparty,
    OnboardingCheck,
    PasswordReset,
    Person,
    RoleGrant,
    ScopeGrant,
    Session,
    SignInAttempts,
    StepUp,
    TelegramLink,
    TokenFamily,
    TotpDevice,
    User,
)

CAPABILITY = "audit.view"
SAFE = {"GET", "HEAD", "OPTIONS"}


class ReviewSite(admin.AdminSite):
    """The stock admin behind the console's door."""

    site_header = site_title = _("Audit review")
    index_title = _("Evidence, read-only")
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Both factors, a live session and the capability."""
        user = access.let_in(request)
        return user is not None and capabilities.holds(user, CAPABILITY)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - its signature
        """
        Guard every page of it; nothing but reading passes.

        :raises MissingCapability: signed in, but not to review the audit.
        """
        inner = super().admin_view(view, cacheable)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = access.let_in(request)
            if user is None:
                return access.seal_off(access.turn_away(request))
            capabilities.require(user, CAPABILITY)
            if request.method not in SAFE and view != self.logout:
                raise PermissionDenied
            answer: HttpResponse = inner(request, *args, **kwargs)
            return access.seal_off(answer)

        guarded.console_capability = CAPABILITY  # type: ignore[attr-defined]
        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002 - its signature
        """Send to the console's sign-in: there is no other."""
        return access.seal_off(redirect("users:sign-in"))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:  # noqa: ARG002 - its signature
        """End the session as the console does."""
        if request.method != "POST":
            raise PermissionDenied
        logout(request)
        return redirect("users:sign-in")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:  # noqa: ARG002 - its signature
        """Nothing is changed here."""
        raise Http404

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> Any:  # noqa: ARG002 - likewise
        """Nothing was changed here."""
        raise Http404


site = ReviewSite()


def _hex(name: str) -> Any:
    """A column that shows binary evidence in hexadecimal."""

    def shown(row: Model) -> str:
        value = getattr(row, name)
        return bytes(value).hex() if value else "–"

    shown.short_description = name.replace("_", " ")  # type: ignore[attr-defined]
    shown.__name__ = f"{name}_hex"
    return shown


class Review(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A table to look at."""

    actions = None
    list_per_page = 50
    show_full_result_count = False
    ordering: ClassVar = ["-pk"]
    view_on_site = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - likewise
        """Whoever was let in may look."""
        return site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Likewise for the list of tables."""
        return site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - likewise
        """Nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - likewise
        """Nobody changes here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - likewise
        """Nobody deletes here."""
        return False


class FirstWord(admin.SimpleListFilter):
    """Events by what they are about: the first word of their name, from a fixed list (the log is long)."""

    title = _("about")
    parameter_name = "about"
    words = (
        "approval",
        "audit",
        "counterparty",
        "device",
        "fill",
        "flag",
        "password",
        "policy",
        "quote",
        "rfq",
        "role",
    )
    more = ("session", "settlement", "sign_in", "telegram", "transfer", "user")

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:  # noqa: ARG002 - likewise
        """The words."""
        return [(word, word) for word in (*self.words, *self.more)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:  # noqa: ARG002
        """Those whose name begins so."""
        return queryset.filter(name__startswith=f"{self.value()}.") if self.value() else queryset


@admin.register(AuditEvent, site=site)
class AuditEventReview(Review):
    """The log: who did what to what, when, why."""

    list_display = ("id", "at", "name", "actor_name", "subject_ref", "reason", "secondary_approver", "request_id")
    list_filter = (FirstWord, "at")
    search_fields = ("=subject_ref", "=actor_name", "^name", "=request_id")
    search_help_text = _("A whole reference, username or request id, or the beginning of an event's name.")
    list_select_related = ("secondary_approver",)
    fields: ClassVar[list[Any]] = [
        "at", "name", "actor", "actor_name", "capability", "subject_type", "subject_ref", "before", "after", "reason",
        "secondary_approver", "digest_hex", "request_id", "address",
    ]  # fmt: skip
    digest_hex = staticmethod(_hex("digest"))


@admin.register(AuditSeal, site=site)
class AuditSealReview(Review):
    """The seals: a chain without gaps."""

    list_display = ("number", "sealed_at", "first", "last", "events", "hash_hex")
    list_filter = ("sealed_at",)
    search_fields = ("=number",)
    fields: ClassVar[list[Any]] = [
        "number", "sealed_at", "events", "events_hash_hex", "previous_hash_hex", "hash_hex", "event_ids",
    ]  # fmt: skip
    hash_hex, events_hash_hex = staticmethod(_hex("hash")), staticmethod(_hex("events_hash"))
    previous_hash_hex = staticmethod(_hex("previous_hash"))

    @admin.display(description=_("first event"))
    def first(self, seal: AuditSeal) -> int:
        """The lowest id in it."""
        return int(seal.event_ids[0])

    @admin.display(description=_("last event"))
    def last(self, seal: AuditSeal) -> int:
        """The highest id in it."""
        return int(seal.event_ids[-1])

    @admin.display(description=_("events"))
    def events(self, seal: AuditSeal) -> int:
        """How many it holds."""
        return len(seal.event_ids)


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
    digest_hex, target_digest_hex = staticmethod(_hex("digest")), staticmethod(_hex("target_digest"))


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
    digest_hex = staticmethod(_hex("digest"))


@admin.register(StepUp, site=site)
class StepUpReview(Review):
    """The proofs of identity behind decisions."""

    list_display = ("id", "user", "method", "verified_at", "digest_hex")
    list_filter = ("method", "verified_at")
    search_fields = ("=user__username",)
    list_select_related = ("user",)
    fields: ClassVar[list[Any]] = ["user", "method", "verified_at", "digest_hex"]
    digest_hex = staticmethod(_hex("digest"))


@admin.register(ApprovalPolicy, site=site)
class ApprovalPolicyReview(Review):
    """How acts are and were decided."""

    list_display = ("act", "version", "quorum", "proposer_roles", "approver_role", "expires_after", "made_at")
    list_filter = ("act",)
    search_fields = ("^act",)


@admin.register(User, site=site)
class UserReview(Review):
    """Logins and the evidence on which they were let in. No secrets."""

    list_display = ("ref", "username", "person", "counterparty", "kind", "status", "secondary_approver", "created_at")
    list_filter = ("status", "kind", "created_at")
    search_fields = ("=ref", "^username", "person__full_name")
    list_select_related = ("person", "counterparty", "secondary_approver")
    fields: ClassVar[list[Any]] = [
        "ref", "username", "person", "counterparty", "kind", "status", "approval_reason", "approval_requested_by",
        "secondary_approver", "secondary_approved_at", "approval_request", "language", "time_zone", "last_login",
    ]  # fmt: skip


@admin.register(Person, site=site)
class PersonReview(Review):
    """Human beings."""

    list_display = ("ref", "full_name", "created_at")
    search_fields = ("=ref", "full_name")


@admin.register(Counterparty, site=site)
class CounterpartyReview(Review):
    """Who trades with the desk."""

    list_display = ("ref", "name", "kind", "status", "created_at")
    list_filter = ("kind", "status")
    search_fields = ("=ref", "name")


@admin.register(RoleGrant, site=site)
class RoleGrantReview(Review):
    """Who held which role, from when to when."""

    list_display = ("user", "role", "granted_at", "revoked_at")
    list_filter = ("role", "granted_at", "revoked_at")
    search_fields = ("=user__username",)
    list_select_related = ("user",)


@admin.register(OnboardingCheck, site=site)
class OnboardingCheckReview(Review):
    """What was checked about whom, by whom, on which evidence."""

    list_display = ("user", "counterparty", "kind", "result", "evidence", "valid_until", "recorded_by", "recorded_at")
    list_filter = ("kind", "result", "recorded_at")
    search_fields = ("=user__username", "counterparty__name", "=recorded_by__username", "evidence")
    list_select_related = ("user", "counterparty", "recorded_by")


@admin.register(ApiKey, site=site)
class ApiKeyReview(Review):
    """Which program may act for whom; the hash of the secret is not shown."""

    list_display = ("ref", "user", "name", "created_at", "expires_at", "collected_at", "revoked_at", "last_used_at")
    list_filter = ("created_at", "revoked_at")
    search_fields = ("=ref", "=user__username", "=identifier", "name")
    list_select_related = ("user",)
    exclude = ("secret_hash",)


@admin.register(ScopeGrant, site=site)
class ScopeGrantReview(Review):
    """Who served which counterparty, from when to when."""

    list_display = ("user", "counterparty", "granted_at", "ended_at")
    list_filter = ("granted_at", "ended_at")
    search_fields = ("=user__username", "counterparty__name")
    list_select_related = ("user", "counterparty")


@admin.register(TotpDevice, site=site)
class TotpDeviceReview(Review):
    """Whose authenticator app was set up when, and used last; its secret is not shown."""

    list_display = ("user", "name", "confirmed", "created_at", "last_used_at", "throttling_failure_count")
    list_filter = ("confirmed", "created_at")
    search_fields = ("=user__username",)
    list_select_related = ("user",)
    exclude = ("secret",)


@admin.register(TokenFamily, site=site)
class TokenFamilyReview(Review):
    """When a program signed in for a person, from where, and when that ended."""

    list_display = ("ref", "user", "address", "began_at", "expires_at", "ended_at")
    list_filter = ("began_at", "ended_at")
    search_fields = ("=ref", "=user__username")
    list_select_related = ("user",)


@admin.register(TelegramLink, site=site)
class TelegramLinkReview(Review):
    """Which Telegram account spoke for whom."""

    list_display = ("user", "telegram_id", "linked_at", "ended_at", "withdrawals_from", "unreachable_at")
    list_filter = ("linked_at", "ended_at")
    search_fields = ("=user__username", "=telegram_id")
    list_select_related = ("user",)


@admin.register(Session, site=site)
class SessionReview(Review):
    """Who is signed in, from where; neither keys nor data."""

    list_display = ("name", "user", "is_verified", "began_at", "seen_at", "expire_date", "address", "browser")
    list_filter = ("is_verified", "began_at")
    search_fields = ("=user__username", "=address")
    list_select_related = ("user",)
    exclude = ("session_key", "session_data")


@admin.register(SignInAttempts, site=site)
class SignInAttemptsReview(Review):
    """Wrong passwords lately, and who is locked out until when."""

    list_display = ("user", "scope", "address", "failures", "last_at", "locked_until", "succeeded_at")
    list_filter = ("scope", "locked_until", "last_at")
    search_fields = ("=user__username", "=address")
    list_select_related = ("user",)
    exclude = ("name_hash",)


@admin.register(PasswordReset, site=site)
class PasswordResetReview(Review):
    """Whose password was reset, and what became of the code; the hash of the code is not shown."""

    list_display = ("ref", "user", "created_at", "expires_at", "collected_at", "used_at")
    list_filter = ("created_at", "used_at")
    search_fields = ("=ref", "=user__username")
    list_select_related = ("user",)
    exclude = ("secret_hash",)
