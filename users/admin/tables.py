"""What all tables of the review share: they are looked at, and nothing else."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from users.admin.site import site


def hexadecimal(name: str) -> Any:
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
