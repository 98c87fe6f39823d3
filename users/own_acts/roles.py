"""Roles."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from users import acts, audit, capabilities
from users.acts import Line, Payload
from users.models import ApprovalRequest, Role, RoleGrant, User
from users.own_acts.base import BadPayload, OnUser, WrongState

Status = User.Status


class GrantRole(OnUser):
    """Give an active user one more role: ``{"role": "ops"}``."""

    name, title = "role.grant", lazy("Grant role")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """An active user who can hold it and does not."""
        user = self.user(subject_ref)
        if payload.get("role") not in capabilities.roles_for(user):
            raise BadPayload(field="role")
        held = RoleGrant.objects.filter(user=user, role=payload["role"], revoked_at=None)
        if user.status != Status.ACTIVE or held.exists():
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """All roles, now and after."""
        held = [str(Role(role).label) for role in self.state(subject_ref)["roles"]]  # type: ignore[attr-defined]
        wanted = str(Role(payload["role"]).label)
        return [Line(lazy("Roles"), ", ".join(held) or "–", ", ".join([*held, wanted]))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Grant it."""
        self.check(request.subject_ref, request.payload)
        user, role = self.user(request.subject_ref), request.payload["role"]
        RoleGrant.objects.create(user=user, role=role, granted_at=now)
        change = acts.carried(request, after={"role": role})
        audit.record("role.granted", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s now holds the role %(role)s.") % {"user": user.username, "role": Role(role).label}
