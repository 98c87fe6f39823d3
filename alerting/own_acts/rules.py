"""The act that two people carry about alerts: other terms for a rule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from alerting import alert_words, rules
from alerting.models import AlertRule, Severity
from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest, Role
from users.models.roles import STAFF_ROLES
from users.own_acts.base import BadPayload, is_number, require_roles

WORDS: dict[str, str | Promise] = {
    "severity": lazy("Severity"),
    "for_seconds": lazy("Has to last (seconds)"),
    "notices": lazy("Notices in one window at most"),
    "window_seconds": lazy("Window (seconds)"),
    "owners": lazy("Told first"),
    "escalate_seconds": lazy("Next role is told after (seconds)"),
}
THRESHOLDS: dict[str, str | Promise] = {
    "seconds": lazy("Seconds, from"),
    "window_seconds": lazy("Looks back (seconds)"),
    "count": lazy("Number, from"),
    "percent": lazy("Percent, above"),
    "bps": lazy("Basis points, above"),
    "transfers": lazy("Transfers it must be able to pay for"),
}
MINUTE, DAY = 60, 86_400
BOUNDS = {
    "for_seconds": (0, DAY),
    "notices": (1, 100),
    "window_seconds": (MINUTE, 7 * DAY),
    "escalate_seconds": (MINUTE, DAY),
}
HIGHEST = 10**9


class SameRule(Conflict):
    """What is proposed holds already."""

    code = "same_alert_rule"
    text = lazy("These terms hold already.")


class ChangeAlertRule(Act):
    """
    Other terms for one type of alert, all of them.

    ``{"severity": "critical", "thresholds": {"seconds": 900}, "for_seconds": 120, "notices": 3, "window_seconds": 900,
    "owners": ["ops"], "escalate_seconds": 1800}``; whole numbers.
    """

    name, title, subject_type = "alert_rule.change", lazy("Change alert rule"), "alert_rule"
    fields: ClassVar[dict[str, str | Promise]] = {**WORDS, "thresholds": lazy("Thresholds")}

    def rule(self, subject_ref: str) -> AlertRule:
        """
        The rule as it holds.

        :raises NotFound: there is no such type of alert.
        """
        rule = rules.rule_of(subject_ref)
        if rule is None:
            raise NotFound(ref=subject_ref)
        return rule

    def state(self, subject_ref: str) -> dict[str, object]:
        """Its terms as they hold."""
        return rules.terms_of(self.rule(subject_ref))

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Every term there, in its bounds, the same thresholds as the type has, and something that changes."""
        now = self.state(subject_ref)
        if set(payload) != set(self.fields):
            raise BadPayload(field=", ".join(sorted(set(payload) ^ set(self.fields))))
        if payload["severity"] not in Severity.values:
            raise BadPayload(field="severity")
        for name, (least, most) in BOUNDS.items():
            if not is_number(payload[name], least, most):
                raise BadPayload(field=name)
        require_roles(payload["owners"], field="owners", among=STAFF_ROLES)
        if not payload["owners"]:
            raise BadPayload(field="owners")
        _check_thresholds(now["thresholds"], payload["thresholds"])
        if now == dict(payload):
            raise SameRule

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """What changes, now and after."""
        now, wanted = _flat(self.state(subject_ref)), _flat(payload)
        return [
            Line(label, now.get(label, "–"), wanted.get(label, "–"))
            for label in now | wanted
            if now.get(label) != wanted.get(label)
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write the next version down."""
        self.check(request.subject_ref, request.payload)
        before = self.rule(request.subject_ref)
        made = AlertRule.objects.create(type=before.type, version=before.version + 1, made_at=now, **request.payload)
        change = acts.carried(
            request,
            before=rules.terms_of(before) | {"version": before.version},
            after=rules.terms_of(made) | {"version": made.version},
        )
        audit.record("alert_rule.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("“%(title)s” follows version %(version)s of its rule.") % {
            "title": alert_words.title(made.type),
            "version": made.version,
        }


def _check_thresholds(now: Any, wanted: object) -> None:
    if not isinstance(wanted, dict) or set(wanted) != set(now):
        raise BadPayload(field="thresholds")
    for name, value in wanted.items():
        if not is_number(value, 0, HIGHEST):
            raise BadPayload(field=name)


def _flat(terms: Mapping[str, Any]) -> dict[str, str]:
    """Every term by what people call it."""
    flat = {str(label): _words(name, terms.get(name)) for name, label in WORDS.items()}
    return flat | {str(THRESHOLDS[name]): str(value) for name, value in dict(terms.get("thresholds") or {}).items()}


def _words(name: str, value: Any) -> str:
    if name == "severity":
        return str(Severity(value).label)
    if name == "owners":
        return ", ".join(str(Role(role).label) for role in value)
    return str(value)
