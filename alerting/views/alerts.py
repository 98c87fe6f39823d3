"""What fires, one alert with what can be done about it, and the silences."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from alerting import alert_queries as queries
from alerting import alert_words, handling
from alerting.forms import SilenceForm
from alerting.models import Alert
from trading.lib import clock, http
from trading.lib.errors import Conflict
from users import access, capabilities
from users.access import console
from users.listing import Table, listing
from users.models import User
from users.queries import events_about
from users.views.attempting import attempt

CONFLICT = 409
WRITER = alert_words.Writer(number=lambda value: f"{value:f}", time=lambda at: at, code=lambda code: code)


def _state(data: QueryDict) -> str:
    """Read the tab; one nobody knows is as good as the first."""
    state = data.get("state", "")
    return state if state in queries.STATES else ""


def _rows(data: QueryDict, reader: User) -> QuerySet[Alert]:
    return queries.matching(_state(data), reader=reader)


def _line(row: Alert) -> tuple[object, ...]:
    party, by = row.counterparty, row.acknowledged_by
    what = (row.ref, row.type, row.severity, row.subject, party.name if party else None, row.status, row.level)
    return (*what, row.opened_at, row.fired_at, row.acknowledged_at, by.username if by else None, row.resolved_at)


ALERTS = Table(
    (
        *("ref", "type", "severity", "subject", "counterparty", "status", "level", "opened_at", "fired_at"),
        *("acknowledged_at", "acknowledged_by", "resolved_at"),
    ),
    _rows,
    _line,
)


@listing("alerting:alerts", lazy("Alerts"), "state", table=ALERTS)
@require_safe
@console("alert.view")
def alerts(request: HttpRequest) -> HttpResponse:
    """List what fires, what may fire soon, or what is over."""
    state = _state(request.GET)
    page = queries.page(state, before=request.GET.get("before", "")[:16], reader=access.actor(request))
    shown = [(row.ref, row.status, row.level, row.seen_at) for row in page.rows]
    version = http.fingerprint(shown, page.older, now=clock.now())
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "alerting/list.html#live" if http.is_poll(request) else "alerting/list.html"
    context = {
        "room": "alerts",
        "rows": [(row, alert_words.title(row.type), _facts(row)) for row in page.rows],
        "tabs": _tabs(request, state),
        "state": state,
        "poll_url": http.poll_url(request, version),
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if request.GET.get("before") else "",
    }
    return render(request, template, context)


@require_safe
@console("alert.view")
def alert(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one alert: what is wrong, who was told, what can be done."""
    return _show(request, ref)


@require_POST
@console("alert.handle")
def acknowledgement(request: HttpRequest, ref: str) -> HttpResponse:
    """Acknowledge, or take it back: one click each."""
    actor, now = access.actor(request), clock.now()
    takes_back = request.POST.get("undo") == "1"
    act = handling.unacknowledge if takes_back else handling.acknowledge
    try:
        act(ref=ref, actor=actor, now=now)
    except Conflict as error:
        messages.warning(request, error.sentence)
        return _show(request, ref, status=CONFLICT)
    said = _("%(ref)s fires again.") if takes_back else _("%(ref)s is acknowledged: nobody further is told.")
    messages.success(request, said % {"ref": ref})
    return redirect("alerting:alert", ref)


@require_POST
@console("alert.handle")
def alert_silence(request: HttpRequest, ref: str) -> HttpResponse:
    """Silence this alert alone."""
    actor, now = access.actor(request), clock.now()
    found = queries.detail(ref, reader=actor, now=now).alert
    form = SilenceForm(request.POST, severity=found.severity, reader=actor, now=now)
    status = attempt(
        form,
        lambda: handling.silence(
            kind=found.type,
            fingerprint=found.fingerprint,
            minutes=form.cleaned_data["minutes"],
            reason=form.cleaned_data["reason"],
            actor=actor,
            now=now,
        ),
    )
    if status is not None:
        return _show(request, ref, form=form, status=status)
    messages.success(request, _("Nobody is told of this alert until the silence ends."))
    return redirect("alerting:alert", ref)


@require_safe
@console("alert.view")
def silences(request: HttpRequest) -> HttpResponse:
    """List the silences that run and the latest that have ended."""
    return _silences(request)


@require_POST
@console("alert.handle")
def silence_ending(request: HttpRequest, ref: str) -> HttpResponse:
    """End a silence before its time."""
    try:
        handling.end_silence(ref=ref, actor=access.actor(request), now=clock.now())
    except Conflict as error:
        messages.warning(request, error.sentence)
        return _silences(request, status=CONFLICT)
    messages.success(request, _("%(ref)s has ended: what fires is told again.") % {"ref": ref})
    return redirect("alerting:silences")


def _silences(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    now, before = clock.now(), request.GET.get("before", "")[:16]
    past, older = queries.past(before=before, now=now)
    context = {
        "room": "alerts",
        "older_url": http.url_with(request, before=older) if older else "",
        "newest_url": http.url_with(request, before=None) if before else "",
        "running": [(one, alert_words.title(one.type)) for one in queries.running(now=now)],
        "past": [(one, alert_words.title(one.type)) for one in past],
        "may_handle": capabilities.holds(access.actor(request), handling.HANDLE),
    }
    return render(request, "alerting/silences.html", context, status=status)


def _show(request: HttpRequest, ref: str, *, form: SilenceForm | None = None, status: int = 200) -> HttpResponse:
    actor, now = access.actor(request), clock.now()
    found = queries.detail(ref, reader=actor, now=now)
    may_handle = capabilities.holds(actor, handling.HANDLE)
    if form is None and may_handle and found.alert.status in Alert.LIVE:
        form = SilenceForm(severity=found.alert.severity, reader=actor, now=now)
    context = {
        "room": "alerts",
        "alert": found.alert,
        "title": alert_words.title(found.alert.type),
        "facts": _facts(found.alert),
        "notices": found.notices,
        "silences": found.silences,
        "events": events_about([ref]),
        "may_handle": may_handle,
        "form": form,
    }
    return render(request, "alerting/detail.html", context, status=status)


def _facts(alert: Alert) -> list[tuple[str, object]]:
    return list(alert_words.lines(alert.values, WRITER))


def _tabs(request: HttpRequest, state: str) -> list[dict[str, object]]:
    words = {"": _("Firing"), "pending": _("Not for long enough yet"), "over": _("Over")}
    return [
        {
            "key": key,
            "label": label,
            "url": http.url_with(request, state=key or None, before=None),
            "current": key == state,
            "count": None,
        }
        for key, label in words.items()
    ]
