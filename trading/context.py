"""What every console template may use."""

from django.conf import settings
from django.http import HttpRequest


def console(request: HttpRequest) -> dict[str, object]:
    """Version, environment and request id for the page's frame."""
    return {
        "version": settings.VERSION,
        "revision": settings.REVISION,
        "is_sandbox": settings.IS_SANDBOX,
        "request_id": getattr(request, "request_id", ""),
    }
