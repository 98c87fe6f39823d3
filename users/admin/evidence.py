"""The audit log and its seals."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from users.admin.site import site
from users.admin.tables import Review, hexadecimal
from users.models import (
    AuditEvent,
    AuditSeal,
)


class FirstWord(admin.SimpleListFilter):
    """Events by what they are about: the first word of their name, from a fixed list (the log is long)."""

    title = _("about")
    parameter_name = "about"
    words = (
        "address", "alert", "alert_rule", "approval", "audit", "backlog", "backup", "bank_account", "check", "client",
        "counterparty", "credit", "database", "deposit", "desk", "device", "dispute", "fill", "flag", "history",
        "hours", "key", "ledger", "lp", "lp_payment", "lp_terms", "mail", "notification", "onboarding", "pair",
        "passkey", "password", "policy", "quote", "receipt", "reconciliation", "restore_drill", "rfq", "role", "scope",
        "second_factor", "secrets", "session", "settlement", "settlement_policy", "sign_in", "silence", "telegram",
        "terms", "token", "transfer", "transfers", "user", "wallet", "wallet_policy", "withdrawal", "withdrawal_policy",
    )  # fmt: skip

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:  # noqa: ARG002 - likewise
        """The words."""
        return [(word, word) for word in self.words]

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
    digest_hex = staticmethod(hexadecimal("digest"))


@admin.register(AuditSeal, site=site)
class AuditSealReview(Review):
    """The seals: a chain without gaps."""

    list_display = ("number", "sealed_at", "first", "last", "events", "hash_hex")
    list_filter = ("sealed_at",)
    search_fields = ("=number",)
    fields: ClassVar[list[Any]] = [
        "number", "sealed_at", "events", "events_hash_hex", "previous_hash_hex", "hash_hex", "event_ids",
    ]  # fmt: skip
    hash_hex, events_hash_hex = staticmethod(hexadecimal("hash")), staticmethod(hexadecimal("events_hash"))
    previous_hash_hex = staticmethod(hexadecimal("previous_hash"))

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
