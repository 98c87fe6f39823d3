"""The stock admin behind the console's door."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from users import access, capabilities

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
        return user is not None and not access.is_held_up(user) and capabilities.holds(user, CAPABILITY)

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
            if access.is_held_up(user):
                return access.seal_off(access.to_passkeys(request))
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
