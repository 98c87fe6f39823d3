"""Reads about alerts, rules and silences. Each has a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, IntegerField, QuerySet, Value, When

from alerting.defaults import CRITICAL, WARNING
from alerting.models import Alert, AlertNotice, AlertRule, Silence
from trading.lib.errors import NotFound
from users.models import User
from users.queries.scopes import within_or_nobodys

PAGE_SIZE = 50
# What the tabs of the list stand for.
STATES: dict[str, frozenset[str]] = {
    "": frozenset(Alert.LIVE),
    "pending": frozenset({Alert.Status.PENDING}),
    "over": frozenset({Alert.Status.RESOLVED}),
}
URGENCY = Case(
    When(severity=CRITICAL, then=Value(0)),
    When(severity=WARNING, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of alerts, newest first, and where the older ones begin."""

    rows: list[Alert]
    older: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One alert with the notices about it and the silences that keep it quiet."""

    alert: Alert
    notices: list[AlertNotice]
    silences: list[Silence]


def seen_by(reader: User) -> QuerySet[Alert]:
    """Alerts that are nobody's business in particular, or of somebody the reader serves."""
    return Alert.objects.filter(within_or_nobodys(reader, "counterparty"))


def firing(*, reader: User) -> list[Alert]:
    """What fires now, acknowledged or not, the worst first. One query."""
    live = seen_by(reader).filter(status__in=Alert.LIVE).select_related("acknowledged_by")
    return list(live.annotate(urgency=URGENCY).order_by("urgency", "-status", "-pk"))


def page(state: str, *, before: str, reader: User) -> Page:
    """Read one page of a tab: of what is over, only what fired. One query."""
    found = matching(state, reader=reader)
    if before:
        found = found.filter(pk__lt=Alert.objects.filter(ref=before).values("pk"))
    rows = list(found.order_by("-pk")[: PAGE_SIZE + 1])
    return Page(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].ref if len(rows) > PAGE_SIZE else "")


def matching(state: str, *, reader: User) -> QuerySet[Alert]:
    """The alerts of a tab that the reader may see."""
    found = seen_by(reader).filter(status__in=STATES[state]).select_related("acknowledged_by", "counterparty")
    return found.filter(fired_at__isnull=False) if state == "over" else found


def detail(ref: str, *, reader: User, now: datetime) -> Detail:
    """
    Read one alert. Three queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    alert = seen_by(reader).select_related("acknowledged_by", "counterparty", "rule").filter(ref=ref).first()
    if alert is None:
        raise NotFound(ref=ref)
    notices = AlertNotice.objects.filter(alert=alert).order_by("pk")
    quiet = running(now=now).filter(type=alert.type, fingerprint__in=["", alert.fingerprint])
    return Detail(alert, list(notices), list(quiet))


def running(*, now: datetime) -> QuerySet[Silence]:
    """The silences that run now, those that end first on top."""
    live = Silence.objects.filter(ended_at=None, ends_at__gt=now, starts_at__lte=now)
    return live.select_related("made_by").order_by("ends_at")


def past(*, before: str = "", now: datetime) -> tuple[list[Silence], str]:
    """Read one page of the silences that have ended, the latest first, and where older ones begin. One query."""
    over = Silence.objects.exclude(pk__in=running(now=now).values("pk"))
    if before:
        over = over.filter(pk__lt=Silence.objects.filter(ref=before).values("pk"))
    rows = list(over.select_related("made_by", "ended_by").order_by("-pk")[: PAGE_SIZE + 1])
    return rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].ref if len(rows) > PAGE_SIZE else ""


def versions(kind: str) -> list[AlertRule]:
    """
    Every version of a rule, the one in force first. One query.

    :raises NotFound: there is no such rule.
    """
    found = list(AlertRule.objects.filter(type=kind).order_by("-version"))
    if not found:
        raise NotFound(ref=kind)
    return found
