"""Going on: automatic settlement on, transfers after a halt. Stopping is one person's act (`operations.flag`)."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import autosettle
from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest


class AlreadyOn(Conflict):
    """There is nothing to turn on."""

    code = "already_on"
    text = lazy("Automatic settlement is on already.")


class NotHalted(Conflict):
    """There is no halt to end."""

    code = "not_halted"
    text = lazy("Transfers are not halted.")


class TurnFlagOn(Act):
    """Let settlements pay by themselves. Off is one person's act, at once."""

    name, title, subject_type = "flag.on", lazy("Turn automatic settlement on"), "flag"
    fields: ClassVar[dict[str, str | Promise]] = {"is_on": lazy("Automatic settlement")}

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whether it is on."""
        if subject_ref != autosettle.FLAG:
            raise NotFound
        return {"is_on": autosettle.is_set(autosettle.FLAG)}

    def check(self, subject_ref: str, payload: Payload) -> None:  # noqa: ARG002 - the interface
        """It must be off."""
        if self.state(subject_ref)["is_on"]:
            raise AlreadyOn

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Off, then on."""
        now = self.state(subject_ref)["is_on"]
        return [Line(lazy("Automatic settlement"), _("On") if now else _("Off"), _("On"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Flip it. The backlog is not paid by this."""
        before = autosettle.write(autosettle.FLAG, is_on=True)
        change = acts.carried(request, before={"is_on": before}, after={"is_on": True})
        audit.record("flag.turned_on", actor=request.requested_by, subject=request, at=now, change=change)
        return _("Automatic settlement is on.")


class ResumeTransfers(Act):
    """Let transfers go on after a halt. Halting is one person's act, at once."""

    name, title, subject_type = "transfers.resume", lazy("Let transfers go on"), "flag"
    fields: ClassVar[dict[str, str | Promise]] = {"is_halted": lazy("Transfers halted")}

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whether they are halted."""
        if subject_ref != autosettle.HALT:
            raise NotFound
        return {"is_halted": autosettle.is_set(autosettle.HALT)}

    def check(self, subject_ref: str, payload: Payload) -> None:  # noqa: ARG002 - the interface
        """They must be halted."""
        if not self.state(subject_ref)["is_halted"]:
            raise NotHalted

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Halted, then not."""
        now = self.state(subject_ref)["is_halted"]
        return [Line(lazy("Transfers"), _("Halted") if now else _("Go on"), _("Go on"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """End the halt. What waits unsigned is not paid by this."""
        self.check(request.subject_ref, request.payload)
        before = autosettle.write(autosettle.HALT, is_on=False)
        change = acts.carried(request, before={"is_on": before}, after={"is_on": False})
        audit.record("transfers.resumed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("Transfers go on.")
