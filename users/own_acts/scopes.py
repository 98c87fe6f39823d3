"""Scopes: letting one of the desk's people serve more."""

from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, Counterparty, ScopeGrant, User
from users.own_acts.base import BadPayload, OnUser, WrongState
from users.queries import scopes

MOST_AT_ONCE = 50


class WidenScope(OnUser):
    """
    Let a scoped login serve more counterparties, or the whole desk.

    ``{"counterparties": ["CPY-7KQ2M4TX"]}`` or ``{"whole_desk": true}``.
    """

    name, title = "scope.widen", lazy("Widen scope")
    fields: ClassVar[dict[str, str | Promise]] = {**OnUser.fields, "serves": lazy("Serves")}

    def state(self, subject_ref: str) -> dict[str, object]:
        """The login and what it serves now."""
        user = self.user(subject_ref)
        serves = [one.ref for one in scopes.served(user)] if user.is_scoped else "whole desk"
        return {**super().state(subject_ref), "serves": serves}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """An active, scoped login of the desk, and more than it serves now."""
        user = self.user(subject_ref)
        if user.status != User.Status.ACTIVE or not user.is_scoped:
            raise WrongState(username=user.username, status=user.get_status_display())
        if set(payload) == {"whole_desk"} and payload["whole_desk"] is True:
            return
        refs = payload.get("counterparties")
        if set(payload) != {"counterparties"} or not isinstance(refs, list) or not 0 < len(refs) <= MOST_AT_ONCE:
            raise BadPayload(field="counterparties")
        if len(self._more(user, refs)) != len(refs):
            raise BadPayload(field="counterparties")

    def _more(self, user: User, refs: list[Any]) -> list[Counterparty]:
        """Those of the refs that name a counterparty which is not served yet."""
        known = Counterparty.objects.filter(ref__in=[ref for ref in refs if isinstance(ref, str)])
        return list(known.exclude(pk__in=[one.pk for one in scopes.served(user)]).order_by("name"))

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Whom the login serves, now and after."""
        user = self.user(subject_ref)
        now = [one.name for one in scopes.served(user)]
        if payload.get("whole_desk"):
            return [Line(lazy("Serves"), ", ".join(now) or "–", _("The whole desk"))]
        more = [one.name for one in self._more(user, payload["counterparties"])]
        return [Line(lazy("Serves"), ", ".join(now) or "–", ", ".join([*now, *more]))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Add the counterparties, or lift the scope."""
        self.check(request.subject_ref, request.payload)
        user, before = self.user(request.subject_ref), self.state(request.subject_ref)["serves"]
        if request.payload.get("whole_desk"):
            User.objects.filter(pk=user.pk).update(is_scoped=False)
            ScopeGrant.objects.filter(user=user, ended_at=None).update(ended_at=now)
        else:
            more = self._more(user, request.payload["counterparties"])
            ScopeGrant.objects.bulk_create(ScopeGrant(user=user, counterparty=one, granted_at=now) for one in more)
        after = self.state(request.subject_ref)["serves"]
        change = acts.carried(request, before={"serves": before}, after={"serves": after})
        audit.record("scope.widened", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s serves more now.") % {"user": user.username}
