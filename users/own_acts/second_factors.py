"""Which second factor a role takes."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Check, Line, Payload
from users.models import ApprovalRequest, Passkey, Role, SecondFactorPolicy, User
from users.own_acts.base import BadPayload

EITHER, ONLY = lazy("One-time code or passkey"), lazy("Passkey only")


class SameFactor(Conflict):
    """The role takes this second factor already."""

    code = "same_second_factor"
    text = lazy("{role} takes this second factor already. Nothing would change.")


class ChangeSecondFactor(Act):
    """Require a passkey of whoever holds a role, or no longer: ``{"passkey_required": true}``."""

    name, title, subject_type = "second_factor.change", lazy("Change second factor"), "role"
    fields: ClassVar[dict[str, str | Promise]] = {"version": lazy("Version"), "passkey_required": lazy("Passkey only")}

    def policy(self, subject_ref: str) -> SecondFactorPolicy:
        """
        The current policy of the role `subject_ref`.

        :raises NotFound: there is no such role of the desk.
        """
        policy = SecondFactorPolicy.objects.current().filter(role=subject_ref).first()
        if policy is None:
            raise NotFound
        return policy

    def state(self, subject_ref: str) -> dict[str, object]:
        """The current version."""
        policy = self.policy(subject_ref)
        return {"version": policy.version, "passkey_required": policy.passkey_required}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """A yes or no that differs from the present one."""
        policy = self.policy(subject_ref)
        if set(payload) != {"passkey_required"} or not isinstance(payload["passkey_required"], bool):
            raise BadPayload(field="passkey_required")
        if payload["passkey_required"] == policy.passkey_required:
            raise SameFactor(role=policy.get_role_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """What the role takes, now and after."""
        policy = self.policy(subject_ref)
        field = _("Second factor of %(role)s") % {"role": policy.get_role_display()}
        return [Line(field, str(_word(policy.passkey_required)), str(_word(payload["passkey_required"])))]

    def checks(self, subject_ref: str) -> list[Check]:
        """How many of those it is about have a passkey already."""
        holders = User.objects.filter(
            status=User.Status.ACTIVE, role_grants__role=subject_ref, role_grants__revoked_at=None
        )
        total = holders.count()
        ready = holders.filter(pk__in=Passkey.objects.filter(confirmed=True).values("user")).count()
        word = ngettext("%(ready)s of %(count)s", "%(ready)s of %(count)s", total) % {"ready": ready, "count": total}
        return [Check("info", word, lazy("People with this role who have a passkey"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Lay down the next version. Tokens of who needs a passkey end by this (a trigger)."""
        self.check(request.subject_ref, request.payload)
        old, required = self.policy(request.subject_ref), request.payload["passkey_required"]
        new = SecondFactorPolicy.objects.create(
            role=old.role, version=old.version + 1, passkey_required=required, made_at=now
        )
        before = {"passkey_required": old.passkey_required, "version": old.version}
        after = {"role": new.role, "passkey_required": required, "version": new.version}
        change = acts.carried(request, before=before, after=after)
        audit.record("second_factor.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("%(role)s: %(factor)s.") % {"role": Role(new.role).label, "factor": _word(required)}


def _word(required: bool) -> str | Promise:  # noqa: FBT001 - the one thing a policy says
    return ONLY if required else EITHER
