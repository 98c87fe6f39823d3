"""The policies themselves: how each act is decided from now on."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from trading.lib.errors import NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalPolicy, ApprovalRequest, Role, RoleGrant, User
from users.models.roles import DECIDING_ROLES, PROPOSING_ROLES
from users.own_acts.base import BadPayload, is_number, plain, require_roles

Status = User.Status
LARGEST_QUORUM = 5
HIGHEST_THRESHOLD = 10**12
MINUTE, DAY = 60, 86_400  # seconds


TERMS: dict[str, str | Promise] = {
    "quorum": lazy("Approvals needed"),
    "proposer_roles": lazy("Who proposes"),
    "approver_role": lazy("Who decides"),
    "expires_after": lazy("Expires after"),
    "execute_within": lazy("Done within"),
    "step_up_within": lazy("One-time code valid for"),
    "threshold": lazy("One person below (whole units)"),
}
FIELDS = tuple(TERMS)


def term_words(name: str, value: Any) -> str:
    """One term of a policy as people say it: roles by their names, durations in minutes, amounts in plain digits."""
    if name == "threshold":
        return "–" if value is None else str(value)
    if name == "quorum":
        return str(value)
    if name == "approver_role":
        return str(Role(value).label)
    if name == "proposer_roles":
        return ", ".join(str(Role(role).label) for role in value)
    minutes = round(value / 60)
    return ngettext("%(count)s min", "%(count)s min", minutes) % {"count": minutes}


class ChangePolicy(Act):
    """Decide an act differently from now on: ``{"quorum": 2, "expires_after": 3600}``, durations in seconds."""

    name, title, subject_type = "policy.change", lazy("Change policy"), "policy"
    fields: ClassVar[dict[str, str | Promise]] = {"version": lazy("Version"), **TERMS}

    def policy(self, subject_ref: str) -> ApprovalPolicy:
        """
        The current policy of the act `subject_ref`.

        :raises NotFound: there is no such act.
        """
        policy = ApprovalPolicy.objects.filter(act=subject_ref).order_by("-version").first()
        if policy is None:
            raise NotFound
        return policy

    def state(self, subject_ref: str) -> dict[str, object]:
        """Every term of the current version."""
        policy = self.policy(subject_ref)
        terms: dict[str, object] = {"version": policy.version}
        for name in FIELDS:
            value = getattr(policy, name)
            terms[name] = value.total_seconds() if isinstance(value, timedelta) else value
        terms["threshold"] = plain(policy.threshold)
        return terms

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Known terms, sane values, and a quorum that can be reached."""
        self.policy(subject_ref)
        if not payload or not set(payload) <= set(FIELDS):
            raise BadPayload(field=", ".join(sorted(set(payload) - set(FIELDS))) or "terms")
        if not is_number(payload.get("quorum", 1), 1, LARGEST_QUORUM):
            raise BadPayload(field="quorum")
        self._check_roles(payload)
        for name in ("expires_after", "execute_within", "step_up_within"):
            if not is_number(payload.get(name, MINUTE), MINUTE, 7 * DAY):
                raise BadPayload(field=name)
        if "threshold" in payload:
            has_one = self.policy(subject_ref).threshold is not None
            if not has_one or not is_number(payload["threshold"], 1, HIGHEST_THRESHOLD):
                raise BadPayload(field="threshold")
        self._check_reachable(subject_ref, payload)

    def _check_roles(self, payload: Payload) -> None:
        decider = [payload.get("approver_role", Role.APPROVER)]
        require_roles(decider, field="approver_role", among=DECIDING_ROLES)
        proposers = payload.get("proposer_roles", [Role.OPS])
        require_roles(proposers, field="proposer_roles", among=PROPOSING_ROLES)
        if not proposers:
            raise BadPayload(field="proposer_roles")

    def _check_reachable(self, subject_ref: str, payload: Payload) -> None:
        policy = self.policy(subject_ref)
        role = payload.get("approver_role", policy.approver_role)
        people = RoleGrant.objects.filter(
            role=role, revoked_at=None, user__status=Status.ACTIVE, user__kind=User.Kind.HUMAN
        )
        # One of them may be the proposer, or the person concerned.
        if people.values("user__person").distinct().count() <= payload.get("quorum", policy.quorum):
            raise BadPayload(field="quorum")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The terms that change."""
        now = self.state(subject_ref)
        return [
            Line(TERMS[name], term_words(name, now[name]), term_words(name, payload[name]))
            for name in FIELDS
            if name in payload
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Lay down the next version."""
        self.check(request.subject_ref, request.payload)
        old, terms_before = self.policy(request.subject_ref), self.state(request.subject_ref)
        terms: dict[str, Any] = {name: getattr(old, name) for name in FIELDS}
        for name, value in request.payload.items():
            terms[name] = timedelta(seconds=value) if isinstance(terms[name], timedelta) else value
        new = ApprovalPolicy.objects.create(act=old.act, version=old.version + 1, made_at=now, **terms)
        before = {name: terms_before[name] for name in request.payload} | {"version": old.version}
        change = acts.carried(request, before=before, after=dict(request.payload) | {"version": new.version})
        audit.record("policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("%(act)s is decided by version %(version)s.") % {"act": new.act, "version": new.version}
