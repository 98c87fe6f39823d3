"""Passwords that somebody forgot."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from trading.lib.errors import Conflict
from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, PasswordReset, Session, TokenFamily, User
from users.own_acts.base import OnUser, WrongState

GOOD_FOR = timedelta(days=1)


class NoPassword(Conflict):
    """Services and trading parties sign in nowhere."""

    code = "has_no_password"
    text = lazy("{username} does not sign in to the console and has no password there.")


class ResetPassword(OnUser):
    """Take a password away, and let its person set a new one. The second factor stays as it is."""

    name, title = "password.reset", lazy("Reset password")

    def check(self, subject_ref: str, payload: Payload) -> None:  # noqa: ARG002 - the interface
        """An active person of the desk."""
        user = self.user(subject_ref)
        if not user.is_staff:
            raise NoPassword(username=user.username)
        if user.status != User.Status.ACTIVE:
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """That it stops working."""
        return [
            Line(lazy("Password"), _("in use"), _("none, until a new one is set with the code")),
            Line(lazy("Second factor"), _("as it is"), _("as it is")),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Make the password unusable, end what was begun with it, and leave a code to be collected once."""
        self.check(request.subject_ref, request.payload)
        user = self.user(request.subject_ref)
        reset = PasswordReset.objects.create(user=user, request=request, created_at=now, expires_at=now + GOOD_FOR)
        User.objects.filter(pk=user.pk).update(password=make_password(None), updated_at=now)
        Session.objects.filter(user=user).delete()
        TokenFamily.objects.filter(user=user, ended_at=None).update(ended_at=now)
        change = acts.carried(request, after={"reset": reset.ref})
        audit.record("password.reset", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s has no password any more. %(person)s collects the code for a new one within a day.") % {
            "user": user.username,
            "person": request.requested_by.username,
        }
