"""What the console's views share: polled fragments, and answers to a script instead of a page."""

import hashlib
from datetime import datetime

from django.http import HttpRequest, HttpResponse

VERSION_PARAMETER = "v"
OK = 200


def wants_fragment(request: HttpRequest) -> bool:
    """Whether HTMX asks for a part of the page."""
    return request.headers.get("HX-Request") == "true"


def is_poll(request: HttpRequest) -> bool:
    """Whether a live region asks by itself if anything changed. Polling is not activity."""
    return wants_fragment(request) and VERSION_PARAMETER in request.GET


def fingerprint(*parts: object, now: datetime) -> str:
    """
    Name what a region shows, so that an unchanged one needs no answer.

    It changes at least every minute, because ages are part of what is shown.
    """
    text = repr((parts, now.replace(second=0, microsecond=0)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_unchanged(request: HttpRequest, version: str) -> bool:
    """Whether the region that polls shows this version already."""
    return is_poll(request) and request.GET[VERSION_PARAMETER] == version


def poll_url(request: HttpRequest, version: str) -> str:
    """Return the address a region polls: the page's own, with the version it shows."""
    query = request.GET.copy()
    query[VERSION_PARAMETER] = version
    return f"{request.path}?{query.urlencode()}"


def url_with(request: HttpRequest, **changes: str | None) -> str:
    """Return the page's address with some of its parameters changed, or dropped where None."""
    query = request.GET.copy()
    query.pop(VERSION_PARAMETER, None)
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"{request.path}?{query.urlencode()}" if query else request.path


def nothing_new() -> HttpResponse:
    """Answer a poll when nothing changed."""
    return HttpResponse(status=204)


def redirect_script(url: str) -> HttpResponse:
    """Tell HTMX to load another page."""
    return HttpResponse(status=204, headers={"HX-Redirect": url})
