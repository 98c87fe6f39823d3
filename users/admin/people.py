"""People, whom they act for, what they may, and what was checked."""

from typing import Any, ClassVar

from django.contrib import admin

from users.admin.site import site
from users.admin.tables import Review
from users.models import (
    Counterparty,
    OnboardingCheck,
    Person,
    RoleGrant,
    ScopeGrant,
    TelegramLink,
    User,
)


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


@admin.register(ScopeGrant, site=site)
class ScopeGrantReview(Review):
    """Who served which counterparty, from when to when."""

    list_display = ("user", "counterparty", "granted_at", "ended_at")
    list_filter = ("granted_at", "ended_at")
    search_fields = ("=user__username", "counterparty__name")
    list_select_related = ("user", "counterparty")


@admin.register(TelegramLink, site=site)
class TelegramLinkReview(Review):
    """Which Telegram account spoke for whom."""

    list_display = ("user", "telegram_id", "linked_at", "ended_at", "withdrawals_from", "unreachable_at")
    list_filter = ("linked_at", "ended_at")
    search_fields = ("=user__username", "=telegram_id")
    list_select_related = ("user",)
