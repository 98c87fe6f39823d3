"""
Is the desk alive, is it ready, and what is wrong if not.

`live` says that this process answers; `serving` that it is not about to end, for the proxy before it; `ready` that
the desk can trade; `/health` says all of it and which version it is, for the deploy to wait on.
"""

import threading
from collections.abc import Callable

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerting.models import Heartbeat
from alerting.queries import SILENT_AFTER
from trading import serving as web
from trading.lib import clock, http

OK = "ok"


@require_safe
@never_cache
def live(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "live"})


@require_safe
@never_cache
def serving(_request: HttpRequest) -> HttpResponse:
    """Whether this web takes requests: 200, or 503 once it was told to end. What else is wrong does not count."""
    state = _serving()
    return JsonResponse({"status": state}, status=200 if state == OK else 503)


@require_safe
@never_cache
def ready(_request: HttpRequest) -> HttpResponse:
    """The desk can trade: 200, or 503 with the names of what is wrong."""
    faults = [name for name, state in _checks().items() if state != OK]
    return JsonResponse({"status": "not ready" if faults else "ready", "faults": faults}, status=503 if faults else 200)


@require_safe
@never_cache
def health(request: HttpRequest) -> HttpResponse:
    """Version, revision and every check, for whoever may read the metrics; for others whether all is well."""
    checks = _checks()
    is_well = all(state == OK for state in checks.values())
    content: dict[str, object] = {"status": "ready" if is_well else "not ready"}
    if http.is_operator(request):
        content |= {"version": settings.VERSION, "revision": settings.REVISION, "checks": checks}
        content["email"] = "on" if settings.MAILERS else "off: EMAIL_URL is not set"
    return JsonResponse(content, status=200 if is_well else 503)


def _checks() -> dict[str, str]:
    return {name: _safely(check) for name, check in CHECKS.items()}


def _safely(check: Callable[[], str]) -> str:
    try:
        return check()
    except Error as error:
        return f"database: {type(error).__name__}"


def _serving() -> str:
    return "ending: takes its last requests" if web.is_ending() else OK


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return OK


def _migrations() -> str:
    return OK if _all_applied() else "unapplied migrations: run `manage.py migrate`"


_applied = threading.Event()  # once they all were, they stay so for this process's code


def _all_applied() -> bool:
    if not _applied.is_set():
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            _applied.set()
    return _applied.is_set()


def _heartbeat(name: str) -> str:
    beat = Heartbeat.objects.filter(name=name).first()
    if beat is None:
        return "never heard"
    age = clock.now() - beat.at
    return OK if age < SILENT_AFTER else f"silent for {age.total_seconds():.0f} s"


def _worker() -> str:
    return _heartbeat("worker")


def _bot() -> str:
    return _heartbeat("bot") if settings.TELEGRAM_BOT_TOKEN else OK


CHECKS = {"serving": _serving, "database": _database, "migrations": _migrations, "worker": _worker, "bot": _bot}
