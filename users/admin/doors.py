"""Who is inside or was kept out: sessions, lock-outs, keys and tokens of programs."""

from django.contrib import admin

from users.admin.site import site
from users.admin.tables import Review
from users.models import (
    ApiKey,
    Session,
    SignInAttempts,
    TokenFamily,
)


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


@admin.register(ApiKey, site=site)
class ApiKeyReview(Review):
    """Which program may act for whom; the hash of the secret is not shown."""

    list_display = ("ref", "user", "name", "created_at", "expires_at", "collected_at", "revoked_at", "last_used_at")
    list_filter = ("created_at", "revoked_at")
    search_fields = ("=ref", "=user__username", "=identifier", "name")
    list_select_related = ("user",)
    exclude = ("secret_hash",)


@admin.register(TokenFamily, site=site)
class TokenFamilyReview(Review):
    """When a program signed in for a person, from where, and when that ended."""

    list_display = ("ref", "user", "address", "began_at", "expires_at", "ended_at")
    list_filter = ("began_at", "ended_at")
    search_fields = ("=ref", "=user__username")
    list_select_related = ("user",)
