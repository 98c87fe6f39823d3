"""What the console's views share: polled fragments, and answers to a script instead of a page."""

import hashlib
import ipaddress
from datetime import datetime
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse

LOOPBACK = {"127.0.0.1", "::1"}
VERSION_PARAMETER = "v"
OK = 200


def is_script(request: HttpRequest) -> bool:
    """Whether HTMX asks, which understands other answers than a browser does."""
    return request.headers.get("HX-Request") == "true"


def sends_page(request: HttpRequest) -> bool:
    """Whether HTMX sends a plain form in the browser's place, and takes a whole page or where to go for an answer."""
    return is_script(request) and request.method == "POST" and request.headers.get("HX-Target") == "main"


def wants_fragment(request: HttpRequest) -> bool:
    """Whether HTMX asks for a part of the page."""
    return is_script(request) and not sends_page(request)


def client_address(request: HttpRequest) -> str | None:
    """
    The address a request came from, as far as our own proxies can tell.

    Each trusted proxy adds its caller at the end of X-Forwarded-For; what stands before the last `TRUSTED_PROXIES`
    entries was written by whoever called and is believed by nobody.
    """
    peer = request.META.get("REMOTE_ADDR") or None
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    proxies = settings.TRUSTED_PROXIES
    if not 0 < proxies <= len(hops):
        return peer
    try:
        return str(ipaddress.ip_address(hops[-proxies]))
    except ValueError:
        return peer


def is_operator(request: HttpRequest) -> bool:
    """Whether this is a program that watches the desk: it has `METRICS_TOKEN`, or calls from the machine itself."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    return settings.SECURE_PROXY_SSL_HEADER is None and request.META.get("REMOTE_ADDR") in LOOPBACK


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


def remember_language(answer: HttpResponse, language: str) -> None:
    """Let this browser's sign-in page speak the language, too."""
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=31_536_000,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
