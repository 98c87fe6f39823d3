"""Second factors and passwords: whose, since when, used when; never a secret."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from users.admin.site import site
from users.admin.tables import Review
from users.models import (
    Passkey,
    PasswordReset,
    RecoveryDevice,
    SecondFactorPolicy,
    TotpDevice,
)


@admin.register(TotpDevice, site=site)
class TotpDeviceReview(Review):
    """Whose authenticator app was set up when, and used last; its secret is not shown."""

    list_display = ("user", "name", "confirmed", "created_at", "last_used_at", "throttling_failure_count")
    list_filter = ("confirmed", "created_at")
    search_fields = ("=user__username",)
    list_select_related = ("user",)
    exclude = ("secret",)


@admin.register(PasswordReset, site=site)
class PasswordResetReview(Review):
    """Whose password was reset, and what became of the code; the hash of the code is not shown."""

    list_display = ("ref", "user", "created_at", "expires_at", "collected_at", "used_at")
    list_filter = ("created_at", "used_at")
    search_fields = ("=ref", "=user__username")
    list_select_related = ("user",)
    exclude = ("secret_hash",)


@admin.register(RecoveryDevice, site=site)
class RecoveryDeviceReview(Review):
    """Whose sheet of recovery codes has how many left; neither the codes nor their hashes are shown."""

    list_display = ("user", "created_at", "left", "used", "throttling_failure_count", "throttling_failure_timestamp")
    list_filter = ("created_at",)
    search_fields = ("=user__username",)
    list_select_related = ("user",)
    fields: ClassVar[list[Any]] = [
        "user", "created_at", "left", "used", "throttling_failure_count", "throttling_failure_timestamp",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecoveryDevice]:
        """With how many codes are left, and how many are used."""
        unused = Count("codes", filter=Q(codes__used_at__isnull=True))
        counted = {"left": unused, "used": Count("codes") - unused}
        sheets: QuerySet[RecoveryDevice] = super().get_queryset(request).annotate(**counted)
        return sheets

    @admin.display(description=_("codes left"))
    def left(self, sheet: Any) -> int:
        """How many of its codes work."""
        return int(sheet.left)

    @admin.display(description=_("codes used"))
    def used(self, sheet: Any) -> int:
        """How many were used up."""
        return int(sheet.used)


@admin.register(Passkey, site=site)
class PasskeyReview(Review):
    """Whose passkey was added when, and used last; what identifies it only by its hash."""

    list_display = ("user", "name", "created_at", "last_used_at", "sign_count", "backup_state")
    list_filter = ("created_at", "backup_state")
    search_fields = ("=user__username", "^credential_id_sha256")
    list_select_related = ("user",)
    fields: ClassVar[list[Any]] = [
        "user", "name", "created_at", "last_used_at", "sign_count", "backup_eligible", "backup_state", "transports",
        "credential_id_sha256",
    ]  # fmt: skip


@admin.register(SecondFactorPolicy, site=site)
class SecondFactorPolicyReview(Review):
    """What each role takes and took as second factor."""

    list_display = ("role", "version", "passkey_required", "made_at")
    list_filter = ("role", "passkey_required")
    search_fields = ("^role",)
