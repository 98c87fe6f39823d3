"""Letting in and out: a user's status."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from trading.lib.errors import Conflict
from users import acts, audit, capabilities
from users.acts import Check, Line, Payload
from users.models import ApprovalRequest, Role, RoleGrant, User
from users.own_acts.base import OnUser, WrongState, require_roles
from users.queries import onboarding
from users.queries.onboarding import Standing

Status = User.Status


class UserMove(OnUser):
    """A step of a user's status that takes two people."""

    before: str
    after: str
    event: str

    def check(self, subject_ref: str, payload: Payload) -> None:  # noqa: ARG002 - the interface
        """The user must be in the status the step begins with."""
        user = self.user(subject_ref)
        if user.status != self.before:
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """The status, now and after."""
        user = self.user(subject_ref)
        return [Line(lazy("Status"), user.get_status_display(), str(Status(self.after).label))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Take the step; the database stamps the evidence from the decision."""
        self.check(request.subject_ref, request.payload)
        user = self.user(request.subject_ref)
        user.move(self.after, at=now)
        user.refresh_from_db()
        after = {"status": self.after, **request.payload}
        change = acts.carried(request, before={"status": self.before}, after=after)
        audit.record(self.event, actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s is now %(status)s.") % {"user": user.username, "status": user.get_status_display()}


class ChecksMissing(Conflict):
    """An onboarding check was not made, did not pass, or holds no longer."""

    code = "checks_missing"
    text = lazy("These checks are not passed: {missing}. Record them with their evidence, then propose it again.")


class ApproveUser(UserMove):
    """Let a pending login in, with the roles it is to hold: ``{"roles": ["trader"]}``."""

    name, title, event = "user.approve", lazy("Approve user"), "user.activated"
    before, after = Status.PENDING, Status.ACTIVE
    fields: ClassVar[dict[str, str | Promise]] = {**OnUser.fields, "onboarding": lazy("Onboarding")}

    def state(self, subject_ref: str) -> dict[str, object]:
        """The login, and how each check it needs stands: a later look supersedes the proposal."""
        needed = onboarding.needed_for(self.user(subject_ref))
        looks = [f"{one.kind} {one.state}" + (f" #{one.check.pk}" if one.check else "") for one in needed]
        return {**super().state(subject_ref), "onboarding": looks}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Pending, every role one that this login can hold, and every check it needs passed."""
        super().check(subject_ref, payload)
        user = self.user(subject_ref)
        require_roles(payload.get("roles", []), field="roles", among=capabilities.roles_for(user))
        missing = [f"{one.about}: {one.kind.label}" for one in onboarding.needed_for(user) if not one.is_passed]
        if missing:
            raise ChecksMissing(missing=", ".join(missing))

    def checks(self, subject_ref: str) -> list[Check]:
        """Each onboarding check with its evidence."""
        return [_shown(one) for one in onboarding.needed_for(self.user(subject_ref))]

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Status and roles."""
        roles = ", ".join(str(Role(role).label) for role in payload.get("roles", []))
        return [*super().describe(subject_ref, payload), Line(lazy("Roles"), "–", roles or "–")]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Grant the roles and let in."""
        user = self.user(request.subject_ref)
        for role in request.payload.get("roles", []):
            RoleGrant.objects.create(user=user, role=role, granted_at=now)
        return super().execute(request, now=now)


class RejectUser(UserMove):
    """Refuse a pending login."""

    name, title, event = "user.reject", lazy("Reject user"), "user.rejected"
    before, after = Status.PENDING, Status.REJECTED


class ReopenUser(UserMove):
    """Consider a rejected login again."""

    name, title, event = "user.reopen", lazy("Reopen user"), "user.reopened"
    before, after = Status.REJECTED, Status.PENDING


class ReactivateUser(UserMove):
    """Let a suspended login in again."""

    name, title, event = "user.reactivate", lazy("Reactivate user"), "user.reactivated"
    before, after = Status.SUSPENDED, Status.ACTIVE


STATES: dict[str, str | Promise] = {
    "passed": lazy("Passed"),
    "failed": lazy("Failed"),
    "missing": lazy("Missing"),
    "expired": lazy("Expired"),
}


def _shown(one: Standing) -> Check:
    """A check as the approver reads it: how it stands, what and about whom, the evidence and whose word it is."""
    tone = "ok" if one.is_passed else "bad"
    what = f"{one.kind.label} ({one.about})"
    if one.check is None:
        return Check(tone, STATES[one.state], what)
    seen = f"{one.check.evidence} ({one.check.recorded_by.username})"
    return Check(tone, STATES[one.state], what, seen, one.check.recorded_at)
