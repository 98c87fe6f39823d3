"""
What browsers report when a page breaks the Content-Security-Policy: counted, and logged without what people see.

Anybody can send such a report, so it is small, bounded in number, and believed only as far as a hint goes.
"""

import json
import logging
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from trading.lib import clock, http
from users import limits

LARGEST = 8192
A_MINUTE, A_MINUTE_OF_ALL = 20, 200
TYPES = {"application/csp-report", "application/json"}
DIRECTIVES = {
    "default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem",
    "style-src-attr", "img-src", "font-src", "connect-src", "frame-src", "form-action", "base-uri", "frame-ancestors",
}  # fmt: skip
KEYWORDS = {"inline", "eval", "self", "data", "blob"}

log = logging.getLogger(__name__)
violations = Counter("desk_csp_violations", "Reports of pages that broke the policy", ["directive"])


@csrf_exempt  # browsers send reports on their own
@require_POST
def report(request: HttpRequest) -> HttpResponse:
    """Take one report; the answer is empty, whatever it was."""
    body = request.read(LARGEST + 1)
    if request.content_type not in TYPES or len(body) > LARGEST:
        return HttpResponse(status=400)
    try:
        for caller, limit in (("csp:all", A_MINUTE_OF_ALL), (f"csp:{http.client_address(request)}", A_MINUTE)):
            limits.count(caller, limit=limit, now=clock.now())
    except limits.TooManyRequests:
        return HttpResponse(status=429)
    found = _read(body)
    if found is None:
        return HttpResponse(status=400)
    directive, blocked = found
    violations.labels(directive).inc()
    log.warning("a page broke the Content-Security-Policy", extra={"directive": directive, "blocked": blocked})
    return HttpResponse(status=204)


def _read(body: bytes) -> tuple[str, str] | None:
    """Which directive was broken and by what; nothing when it is no report."""
    try:
        content: Any = json.loads(body)["csp-report"]
        named = content.get("effective-directive") or content.get("violated-directive") or ""
        directive = str(named).partition(" ")[0]
        return directive if directive in DIRECTIVES else "other", _origin(str(content.get("blocked-uri") or ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _origin(address: str) -> str:
    """Where something came from, without its path: paths and parameters may name people and trades."""
    if address in KEYWORDS:
        return address
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return "other"
    return f"{parts.scheme}://{host}"[:100] if host.isascii() and host else "other"
