"""The end of a pause of the whole desk."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq.models import MarketState
from rfq.own_acts.base import NotPaused
from trading.lib.errors import NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload


class ResumeDesk(Act):
    """Let the whole desk trade again. Pausing it takes one person, at once."""

    name, title, subject_type = "desk.resume", lazy("Resume the desk"), "desk"
    fields: ClassVar[dict[str, str | Promise]] = {
        "paused_at": lazy("Paused"),
        "reason": lazy("Reason of the pause"),
    }

    def state(self, subject_ref: str) -> dict[str, object]:
        """Since when it is paused, and why."""
        if subject_ref != MarketState.REF:
            raise NotFound
        row = MarketState.objects.first() or MarketState()
        return {"paused_at": row.paused_at, "reason": row.reason}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It must be paused."""
        state = self.state(subject_ref)
        if payload:
            raise BadPayload(field="terms")
        if state["paused_at"] is None:
            raise NotPaused(what=_("The desk"))

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Paused, then not; and why it was."""
        reason = self.state(subject_ref)["reason"]
        return [Line(lazy("Trading"), _("Paused: %(reason)s") % {"reason": reason}, _("Goes on"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """End the pause."""
        self.check(request.subject_ref, request.payload)
        before = self.state(request.subject_ref)["reason"]
        MarketState.objects.update(paused_at=None, paused_by=None, reason="")
        change = acts.carried(request, before={"reason": before}, after={"paused": False})
        audit.record("desk.resumed", actor=request.requested_by, subject=MarketState(), at=now, change=change)
        return _("The desk trades again.")
