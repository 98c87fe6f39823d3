"""Second factors: starting over for somebody who lost theirs."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from trading.lib.errors import Conflict
from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, User
from users.operations import devices, sessions
from users.own_acts.base import OnUser, WrongState
from users.queries import passkeys, people


class NothingToReset(Conflict):
    """The login has no second factor."""

    code = "nothing_to_reset"
    text = lazy("{username} has no second factor: whoever signs in next sets one up.")


class ResetDevices(OnUser):
    """
    Take a login's second factors away: the next sign-in, password first, sets up new ones.

    Whoever holds the password then chooses the factors. Was it lost together with the phone, reset it as well.
    """

    name, title = "device.reset", lazy("Reset second factors")
    fields: ClassVar[dict[str, str | Promise]] = {**OnUser.fields, "devices": lazy("Second factors")}

    def state(self, subject_ref: str) -> dict[str, object]:
        """The login, and which authenticator it has."""
        totp = people.confirmed_totp(self.user(subject_ref))
        return {**super().state(subject_ref), "devices": totp.created_at.isoformat() if totp else None}

    def check(self, subject_ref: str, payload: Payload) -> None:  # noqa: ARG002 - the interface
        """An active login that has one."""
        user = self.user(subject_ref)
        if user.status != User.Status.ACTIVE:
            raise WrongState(username=user.username, status=user.get_status_display())
        if people.confirmed_totp(user) is None:
            raise NothingToReset(username=user.username)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """What goes."""
        found = people.devices(self.user(subject_ref))
        now = _("Authenticator app, %(left)s recovery codes") % {"left": found.recovery_codes}
        if names := [passkey.name for passkey in passkeys.of_user(self.user(subject_ref))]:
            now = _("%(others)s, passkeys: %(names)s") % {"others": now, "names": ", ".join(names)}
        return [Line(lazy("Second factors"), now, _("None: set up at the next sign-in"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Remove them, and end every session and token."""
        self.check(request.subject_ref, request.payload)
        user = self.user(request.subject_ref)
        before = self.describe(request.subject_ref, request.payload)[0].now
        devices.remove_devices(user)
        ended = sessions.end_everywhere(user, now=now)
        change = acts.carried(request, before={"devices": before}, after={"sessions_ended": ended})
        audit.record("device.reset", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s sets up a new authenticator app at the next sign-in.") % {"user": user.username}
