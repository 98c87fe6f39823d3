"""REST on alerts for programs of the desk's people: what fires, acknowledging, silences, rules and changing them."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router, Schema
from ninja.responses import Status
from pydantic import AfterValidator, StringConstraints

from alerting import alert_queries as queries
from alerting import alert_words, handling
from alerting import rules as terms
from alerting.models import Alert, AlertRule, Silence
from trading.lib import clock
from users import capabilities
from users.api import READ, WRITE, Body, Key, Reason, Refusal, RequestOut, Short, actor, propose, storable

router = Router(tags=["desk"])
Ref = Annotated[str, Path(pattern=r"^[A-Z]{3}-[A-Z0-9]{1,12}$")]
Kind = Annotated[str, Path(pattern=r"^[a-z_]{1,32}$")]
Which = Annotated[str, StringConstraints(max_length=64), AfterValidator(storable)]
VIEW = "alert.view"


class AlertOut(Schema):
    """One alert; `values` are what was seen last, instants in ISO 8601."""

    ref: str
    type: str
    title: str
    severity: str
    subject: str
    status: str
    values: dict[str, Any]
    told_roles: list[str]
    opened_at: datetime
    fired_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None


class AlertsOut(Schema):
    """What fires, the worst first."""

    items: list[AlertOut]


class SilenceOut(Schema):
    """A silence; `fingerprint` "" is every alert of the type."""

    ref: str
    type: str
    fingerprint: str
    reason: str
    made_by: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None


class SilencesOut(Schema):
    """Those that run, the one that ends first on top."""

    items: list[SilenceOut]


class Silencing(Body):
    """What is silenced, for how many minutes, and why."""

    type: Short
    fingerprint: Which = ""
    minutes: int
    reason: Reason


class RuleOut(Schema):
    """A rule's terms in force."""

    type: str
    title: str
    version: int
    severity: str
    thresholds: dict[str, int]
    for_seconds: int
    notices: int
    window_seconds: int
    owners: list[str]
    escalate_seconds: int


class RulesOut(Schema):
    """All of them."""

    items: list[RuleOut]


class Changing(Body):
    """Every term of a rule as it is to be, why, and who is asked to decide that."""

    severity: Short
    thresholds: dict[str, int]
    for_seconds: int
    notices: int
    window_seconds: int
    owners: list[Short]
    escalate_seconds: int
    reason: Reason
    secondary_approver: Short


@router.get("/alerts", response={200: AlertsOut, **READ}, summary="What fires now")
def list_alerts(request: HttpRequest) -> AlertsOut:
    """Acknowledged ones among them, until they are over; of parties only those the caller serves."""
    capabilities.require(actor(request), VIEW)
    return AlertsOut(items=[_alert(row) for row in queries.firing(reader=actor(request))])


@router.post(
    "/alerts/{ref}/acknowledgement",
    response={200: AlertOut, **WRITE, 404: Refusal, 409: Refusal},
    summary="Look after an alert",
)
def acknowledge(request: HttpRequest, ref: Ref) -> AlertOut:
    """It is told to nobody further. Again is the same."""
    return _alert(handling.acknowledge(ref=ref, actor=actor(request), now=clock.now()))


@router.delete(
    "/alerts/{ref}/acknowledgement",
    response={200: AlertOut, **WRITE, 404: Refusal, 409: Refusal},
    summary="Take an acknowledgement back",
)
def unacknowledge(request: HttpRequest, ref: Ref) -> AlertOut:
    """It fires again, and the next role is told in time."""
    return _alert(handling.unacknowledge(ref=ref, actor=actor(request), now=clock.now()))


@router.get("/silences", response={200: SilencesOut, **READ}, summary="The silences that run")
def list_silences(request: HttpRequest) -> SilencesOut:
    """What they cover is told to nobody."""
    capabilities.require(actor(request), VIEW)
    return SilencesOut(items=[_silence(row) for row in queries.running(now=clock.now())])


@router.post("/silences", response={200: SilenceOut, **WRITE, 404: Refusal}, summary="Silence alerts for a while")
def silence(request: HttpRequest, body: Silencing) -> SilenceOut:
    """A critical type for an hour at most, any other for seven days."""
    made = handling.silence(
        kind=body.type,
        fingerprint=body.fingerprint,
        minutes=body.minutes,
        reason=body.reason,
        actor=actor(request),
        now=clock.now(),
    )
    return _silence(made)


@router.post(
    "/silences/{ref}/ending", response={200: SilenceOut, **WRITE, 404: Refusal, 409: Refusal}, summary="End a silence"
)
def end_silence(request: HttpRequest, ref: Ref) -> SilenceOut:
    """What fires is told again from the next evaluation on."""
    return _silence(handling.end_silence(ref=ref, actor=actor(request), now=clock.now()))


@router.get("/alert-rules", response={200: RulesOut, **READ}, summary="The alert rules in force")
def list_rules(request: HttpRequest) -> RulesOut:
    """The newest version of each type."""
    capabilities.require(actor(request), VIEW)
    return RulesOut(items=[_rule(rule) for _name, rule in sorted(terms.current().items())])


@router.post("/alert-rules/{kind}/change", response={202: RequestOut, **WRITE}, summary="Propose other terms of a rule")
def change(request: HttpRequest, kind: Kind, body: Changing, key: Key) -> Status[RequestOut]:
    """Nothing changes until a second person decides."""
    payload = body.dict(exclude={"reason", "secondary_approver"})
    return propose(request, "alert_rule.change", kind, body=body, key=key, payload=payload)


def _alert(row: Alert) -> AlertOut:
    return AlertOut(
        ref=row.ref,
        type=row.type,
        title=alert_words.title(row.type),
        severity=row.severity,
        subject=row.subject,
        status=row.status,
        values=row.values,
        told_roles=row.told_roles,
        opened_at=row.opened_at,
        fired_at=row.fired_at,
        acknowledged_by=row.acknowledged_by.username if row.acknowledged_by else None,
        acknowledged_at=row.acknowledged_at,
        resolved_at=row.resolved_at,
    )


def _silence(row: Silence) -> SilenceOut:
    return SilenceOut(
        ref=row.ref,
        type=row.type,
        fingerprint=row.fingerprint,
        reason=row.reason,
        made_by=row.made_by.username,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
    )


def _rule(rule: AlertRule) -> RuleOut:
    return RuleOut(type=rule.type, title=alert_words.title(rule.type), version=rule.version, **terms.terms_of(rule))
