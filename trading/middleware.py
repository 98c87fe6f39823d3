"""What happens around every request: its id, its user's language and time zone, refusals turned into HTTP once."""

import logging
import re
import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation

from trading.lib import http
from trading.lib.digits import digits
from trading.lib.errors import Conflict, DeskError, Forbidden, Invalid, NotFound, Unavailable
from trading.lib.ids import new_ref
from users import context
from users.models import User
from users.models.people import Digits

log = logging.getLogger("desk.web")

type GetResponse = Callable[[HttpRequest], HttpResponse]

STATUS: dict[type[DeskError], int] = {Invalid: 422, Forbidden: 403, NotFound: 404, Conflict: 409, Unavailable: 503}
GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
UNTOLD = ("/health", "/metrics")  # asked every few seconds by programs, as polls are by pages


class RequestIdMiddleware:
    """Give each request an id (or keep a proxy's), bind it to logs and audit events, log its answer, return it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Run the request under its id."""
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if GIVEN_ID.fullmatch(given) else new_ref("REQ")
        request.META["HTTP_X_REQUEST_ID"] = request_id  # where the request logger looks for it
        request.request_id = request_id  # type: ignore[attr-defined]
        with context.origin(request_id, http.client_address(request), request.path):
            response = self.get_response(request)
            if not http.is_poll(request) and not request.path.startswith(UNTOLD):
                told = (request.method, request.path, response.status_code)
                log.info("%s %s: %s", *told, extra={"request_id": request_id})  # django_structlog forgot it by now
        response["X-Request-ID"] = request_id
        return response


class UserPreferencesMiddleware:
    """Show a signed-in user's pages as they want them: language, digits, time zone; for the rest `request.reader`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Run the request in the user's language."""
        user = request.user
        if not isinstance(user, User):
            return self.get_response(request)
        language = user.language if user.language in dict(settings.CONSOLE_LANGUAGES) else settings.LANGUAGE_CODE
        request.LANGUAGE_CODE = language
        request.reader = user  # type: ignore[attr-defined]  # loaded: asking it costs no query, also on error pages
        zone = zoneinfo.ZoneInfo(user.time_zone)
        with translation.override(language), timezone.override(zone), digits(own=user.digits == Digits.OWN):
            response = self.get_response(request)
        response.setdefault("Content-Language", language)
        return response


class ScriptedFormMiddleware:
    """Where a form leads to is told to the script that sent it: it would follow a redirect unseen."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Turn a redirect into its address; what else it says, cookies and headers, stays."""
        response = self.get_response(request)
        if http.sends_page(request) and response.has_header("Location"):
            response.status_code, response.content = 204, b""
            response.headers["HX-Redirect"] = response.headers["Location"]
            del response.headers["Location"]
        return response


class DeskErrorMiddleware:
    """Turn a refusal that no view dealt with into its page, with the right status."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing to do unless a view refuses."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django calls this when a view raises."""
        if not isinstance(exception, DeskError):
            return None
        exception.write_down("the console")
        return render(request, "errors/refused.html", {"error": exception}, status=http_status(exception))


def http_status(error: DeskError) -> int:
    """The HTTP status of a refusal, by its kind."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
