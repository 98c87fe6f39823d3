"""
The REST interface under `/api/`: its root, who may come in, and the one shape of its refusals.

Every answer that is not a success is ``{"code", "message", "fields", "request_id"}``. Codes never
change; the message is in the reader's language and says what to do.
"""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from alerting import api as alerting_api
from alerting import api_notifications
from rfq import api as rfq_api
from rfq import api_disputes as rfq_api_disputes
from rfq import api_events as rfq_api_events
from rfq import api_papers as rfq_api_papers
from rfq import api_quotes as rfq_api_quotes
from settlement import api as settlement_api
from settlement import api_destinations, api_money
from settlement import api_lp as settlement_api_lp
from settlement import api_waiting as settlement_api_waiting
from settlement import api_wallets as settlement_api_wallets
from trading.lib import clock
from trading.lib.errors import DeskError, Invalid
from trading.middleware import http_status
from users import api as users_api
from users import api_tokens as users_api_tokens
from users.access import console
from users.api_access import NotSignedIn, authenticate
from users.errors import NotAuthenticated, ReusedCode, TooManyCodes, WrongCode
from users.limits import TooManyRequests
from users.operations.signing_in import LockedOut, WrongPassword
from users.policies import MeaninglessReason

log = logging.getLogger(__name__)

STATUS: dict[type[DeskError], int] = {
    NotAuthenticated: 401,
    WrongPassword: 401,
    TooManyCodes: 429,
    TooManyRequests: 429,
    LockedOut: 429,
    Invalid: 400,
}
FIELDS: dict[type[DeskError], str] = {
    MeaninglessReason: "reason",
    ReusedCode: "otp",
    WrongCode: "otp",
    users_api.UnknownApprover: "secondary_approver",
    users_api.WrongApprover: "secondary_approver",
}
TOO_MANY = 429
CODES = {401: "not_signed_in", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}

api = NinjaAPI(
    title="USDT desk",
    version="1",
    description="Acts, decisions and lists of the desk. Refusals have one shape: code, message, fields, request_id.",
    auth=authenticate,
    docs_url=None,  # its pages load scripts from elsewhere; /api/docs is ours
    urls_namespace="api",
)
api.add_router("", users_api.router)
api.add_router("", users_api_tokens.router)
api.add_router("", rfq_api.router)
api.add_router("", rfq_api_quotes.router)
api.add_router("", rfq_api_events.router)
api.add_router("", rfq_api_disputes.router)
api.add_router("", rfq_api_papers.router)
api.add_router("", settlement_api.router)
api.add_router("", settlement_api_lp.router)
api.add_router("", settlement_api_waiting.router)
api.add_router("", settlement_api_wallets.router)
api.add_router("", alerting_api.router)
api.add_router("", api_money.router)
api.add_router("", api_destinations.router)
api.add_router("", api_notifications.router)


def refusal(
    request: HttpRequest, status: int, code: str, message: str, fields: Mapping[str, str] | None = None
) -> HttpResponse:
    """Answer with the one shape of everything that is not a success."""
    body = {
        "code": code,
        "message": message,
        "fields": dict(fields or {}),
        "request_id": getattr(request, "request_id", ""),
    }
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


@api.exception_handler(DeskError)
def _desk_error(request: HttpRequest, error: DeskError) -> HttpResponse:
    error.write_down("the API")
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), http_status(error))
    field = next((name for kind, name in FIELDS.items() if isinstance(error, kind)), error.facts.get("field"))
    fields = {str(field): error.sentence} if field else {}
    answer = refusal(request, status, error.code, error.sentence, fields)
    if isinstance(error, NotAuthenticated):
        answer["WWW-Authenticate"] = 'Bearer realm="desk"'
    if isinstance(error, LockedOut):
        answer["Retry-After"] = str(max(1, round((error.until - clock.now()).total_seconds())))
    elif status == TOO_MANY:
        answer["Retry-After"] = str(error.facts["seconds"])
    return answer


@api.exception_handler(ValidationError)
def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = {_name(fault["loc"]): str(fault["msg"]) for fault in error.errors}
    named = ", ".join(sorted(fields))
    return refusal(request, 400, "malformed", _("Missing or malformed: %(fields)s.") % {"fields": named}, fields)


def _name(place: tuple[Any, ...]) -> str:
    """The field a fault is in: ``("body", "proposal", "reason")`` is ``reason``."""
    return ".".join(str(part) for part in place[2:] or place[-1:])


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:  # noqa: ARG001 - the interface
    return _desk_error(request, NotSignedIn())


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    code = CODES.get(error.status_code, "malformed")
    return refusal(request, error.status_code, code, error.message)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:  # noqa: ARG001 - the interface
    return unknown(request)


@api.exception_handler(SuspiciousOperation)
def _suspicious(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    status = 413 if isinstance(error, RequestDataTooBig) else 400
    return refusal(request, status, CODES.get(status, "malformed"), _("The request is too large or malformed."))


@api.exception_handler(Exception)
def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("an API request failed", exc_info=error)
    return refusal(request, 500, "error", _("Something broke on our side. Give us the request id."))


@csrf_exempt
def unknown(request: HttpRequest) -> HttpResponse:
    """Say in the API's own shape that there is nothing at this address."""
    return refusal(request, 404, "not_found", _("There is nothing at this address. See /api/openapi.json."))


@console("console.view")
def docs(request: HttpRequest) -> HttpResponse:
    """List what the interface offers, from its own description."""
    calls = [
        {
            "path": place,
            "method": method.upper(),
            "does": call["summary"],
            "answers": sorted(map(str, call["responses"])),
        }
        for place, methods in api.get_openapi_schema()["paths"].items()
        for method, call in methods.items()
    ]
    return render(request, "trading/api_docs.html", {"calls": calls, "room": "api"})


def _in_shape[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Keep every answer out of caches, and give the library's own refusal of a method the shape of all others."""

    @wraps(view)
    def shaped(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = cast("HttpRequest", args[0])
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            sentence = _("Call this over HTTPS: what you sent was readable on its way.")
            return refusal(request, 403, "https_only", sentence)
        answer = view(*args, **kwargs)
        answer.headers.setdefault("Cache-Control", "no-store")
        if not isinstance(answer, HttpResponseNotAllowed):
            return answer
        allowed = answer["Allow"]
        shaped_answer = refusal(
            request, 405, CODES[405], _("Use one of these methods: %(allowed)s.") % {"allowed": allowed}
        )
        shaped_answer["Allow"] = allowed
        return shaped_answer

    return shaped


def _urls() -> tuple[list[Any], str, str]:
    nodes, app, namespace = api.urls
    for node in nodes:
        if isinstance(node, URLPattern):
            node.callback = _in_shape(node.callback)
    return nodes, app, namespace


urlpatterns: list[URLPattern | URLResolver] = [
    path("docs", docs, name="api-docs"),
    path("", _urls()),
    re_path(r"", unknown, name="api-unknown"),
]
