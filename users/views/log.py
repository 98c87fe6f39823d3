"""The audit log: search it, look at one event, take a copy away."""

import json
from collections.abc import Iterator
from datetime import UTC, date
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from trading.lib import clock, http, sheets
from users import access, capabilities, operations
from users.access import console
from users.listing import listing
from users.models import AuditEvent, User
from users.queries import log as queries
from users.queries.log import Criteria

COLUMNS = (
    "id",
    "at",
    "name",
    "actor",
    "capability",
    "subject_type",
    "subject_ref",
    "before",
    "after",
    "reason",
    "secondary_approver",
    "digest",
    "request_id",
    "address",
)
FILTERS = ("q", "name", "actor", "since", "until")
FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@listing("users:audit", lazy("Audit"), *FILTERS)
@require_safe
@console("audit.own")
def events(request: HttpRequest) -> HttpResponse:
    """List what was done, newest first; who may not see all sees what they did themselves."""
    return _show(request, None)


@require_safe
@console("audit.own")
def event(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one event beside the list: what it changed, why, from where."""
    return _show(request, queries.event(pk, own=_own(access.actor(request))))


@require_POST
@console("audit.own")
def export(request: HttpRequest) -> HttpResponseBase:
    """Send a copy of what the filters let through, and note in the log who took it."""
    actor, now = access.actor(request), clock.now()
    form = "jsonl" if request.POST.get("format") == "jsonl" else "csv"
    criteria = _criteria(request.POST, actor)
    last = queries.last_id()
    filters = {name: request.POST[name][:100] for name in FILTERS if request.POST.get(name)}
    operations.record_export(actor=actor, form=form, filters=filters, last=last, now=now)
    rows = queries.in_order(criteria, last=last)
    lines = _csv(rows) if form == "csv" else _jsonl(rows)
    response = StreamingHttpResponse(lines, content_type=FORMS[form])
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{now:%Y%m%d-%H%M%S}.{form}"'
    return response


def _show(request: HttpRequest, chosen: AuditEvent | None) -> HttpResponse:
    actor = access.actor(request)
    criteria = _criteria(request.GET, actor)
    page = queries.page(criteria)
    context = {
        "room": "audit",
        "page": page,
        "filters": {name: request.GET.get(name, "")[:100] for name in FILTERS},
        "is_filtered": any(request.GET.get(name) for name in FILTERS),
        "query": _query(request.GET),
        "is_own": criteria.own is not None,
        "event": chosen,
        "changes": _changes(chosen) if chosen else [],
        "older_url": http.url_with(request, before=str(page.older)) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
        "is_fragment": http.wants_fragment(request),
    }
    template = "users/audit.html#room" if http.wants_fragment(request) else "users/audit.html"
    return render(request, template, context)


def _own(actor: User) -> User | None:
    return None if capabilities.holds(actor, "audit.view") else actor


def _criteria(data: QueryDict, actor: User) -> Criteria:
    """Read the address; a date nobody can read is as good as none."""
    before = data.get("before", "")
    return Criteria(
        text=data.get("q", "")[:100],
        name=data.get("name", "")[:64].strip(),
        actor=data.get("actor", "")[:64].strip(),
        since=_day(data.get("since", "")),
        until=_day(data.get("until", "")),
        before=int(before) if before.isdecimal() and len(before) <= len(str(2**62)) else None,
        own=_own(actor),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _query(data: QueryDict) -> str:
    """The list's own filters, to keep them while one looks at an event."""
    kept = {name: str(data[name]) for name in (*FILTERS, "before") if data.get(name)}
    return f"?{urlencode(kept)}" if kept else ""


def _changes(event: AuditEvent) -> list[tuple[str, str, str]]:
    """Each field before and after, in the order they were written."""
    fields = [*event.before, *(name for name in event.after if name not in event.before)]
    return [(name, _plain(event.before.get(name)), _plain(event.after.get(name))) for name in fields]


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _record(event: AuditEvent) -> dict[str, Any]:
    second = event.secondary_approver
    values = (
        event.pk,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.name,
        event.actor_name,
        event.capability,
        event.subject_type,
        event.subject_ref,
        event.before,
        event.after,
        event.reason,
        second.username if second else "",
        bytes(event.digest).hex() if event.digest else "",
        event.request_id,
        event.address or "",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _jsonl(rows: Iterator[AuditEvent]) -> Iterator[str]:
    for event in rows:
        yield json.dumps(_record(event), ensure_ascii=False) + "\n"


def _csv(rows: Iterator[AuditEvent]) -> Iterator[str]:
    yield sheets.line(COLUMNS)
    for event in rows:
        yield sheets.line(_cell(value) for value in _record(event).values())


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
