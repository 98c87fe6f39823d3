"""What people fill in about alerts: how long to be silent and why, and other terms for a rule."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from alerting import silencing
from alerting.models import AlertRule, Severity
from alerting.own_acts.rules import BOUNDS, HIGHEST, THRESHOLDS, WORDS
from users.forms import ConsoleForm, ProposalForm
from users.forms.deciding import ReasonField
from users.models import Role, User
from users.models.roles import STAFF_ROLES

HOUR, DAY = 60, 1440  # minutes
LEFT_TO_RIGHT, END = "\u2066", "\u2069"  # an instant stays whole inside right-to-left text
OFFERED = (15, 30, HOUR, 4 * HOUR, 12 * HOUR, DAY, 7 * DAY)  # as far as the severity allows


class SilenceForm(ConsoleForm):
    """How long, why, and until when that is: in UTC and on the reader's own clock."""

    minutes = forms.TypedChoiceField(
        label=_("For how long"),
        coerce=int,
        error_messages={"required": _("For how long: choose one."), "invalid_choice": _("For how long: choose one.")},
    )
    reason = ReasonField()

    def __init__(self, data: QueryDict | None = None, *, severity: str, reader: User, now: datetime) -> None:
        super().__init__(data, scope="silence")
        lengths = [length for length in map(_minutes, OFFERED) if length <= silencing.longest(severity)]
        choices = [(int(one.total_seconds()) // 60, _until(one, reader, now)) for one in lengths]
        self.fields["minutes"].choices = choices  # type: ignore[attr-defined]


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def _until(length: timedelta, reader: User, now: datetime) -> str:
    end = now + length
    own = end.astimezone(ZoneInfo(reader.time_zone))
    local = "" if reader.time_zone == "UTC" else f" ({own:%H:%M} {reader.time_zone})"
    return f"{_span(length)} → {LEFT_TO_RIGHT}{end:%Y-%m-%d %H:%M} UTC{local}{END}"


def _span(length: timedelta) -> str:
    """How long it is, in the largest unit that leaves no rest; those offered leave none."""
    minutes = int(length.total_seconds()) // 60
    if minutes % DAY == 0:
        count, words = minutes // DAY, ngettext("%(count)s day", "%(count)s days", minutes // DAY)
    elif minutes % HOUR == 0:
        count, words = minutes // HOUR, ngettext("%(count)s h", "%(count)s h", minutes // HOUR)
    else:
        count, words = minutes, ngettext("%(count)s min", "%(count)s min", minutes)
    return words % {"count": count}


class RuleForm(ProposalForm):
    """Other terms for a rule; its thresholds are those the type has."""

    severity = forms.ChoiceField(label=_("Severity"), choices=Severity.choices)
    owners = forms.MultipleChoiceField(
        label=_("Told first"),
        choices=[(role, Role(role).label) for role in STAFF_ROLES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Told first: choose at least one role.")},
    )

    def __init__(self, data: QueryDict | None = None, *, rule: AlertRule, candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates, must_nominate=False)
        self.rule = rule
        self.fields["severity"].initial, self.fields["owners"].initial = rule.severity, rule.owners
        added: dict[str, tuple[Any, int, int, int]] = {
            _threshold(name): (THRESHOLDS[name], 0, HIGHEST, value) for name, value in rule.thresholds.items()
        }
        added |= {name: (WORDS[name], *bounds, getattr(rule, name)) for name, bounds in BOUNDS.items()}
        for name, (label, least, most, now) in added.items():
            field = forms.IntegerField(label=label, min_value=least, max_value=most, initial=now)
            field.widget.attrs["class"] = "in"
            self.fields[name] = field
        self.order_fields(("severity", *added, "owners", "reason", "nominee", "otp_token", "key"))

    def payload(self) -> dict[str, Any]:
        """Every term, whether it changes or not."""
        terms = {name: self.cleaned_data[name] for name in ("severity", "owners", *BOUNDS)}
        thresholds = {name: self.cleaned_data[_threshold(name)] for name in self.rule.thresholds}
        return terms | {"thresholds": thresholds}


def _threshold(name: str) -> str:
    return f"threshold_{name}"
