"""An act of the tests' own: it does what it is told, so that failing and being away can be seen."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from trading.lib import clock
from trading.lib.errors import Conflict, Unavailable
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalPolicy, ApprovalRequest


class ToldTo(Conflict):
    """As the test wanted."""

    code = "told_to"
    text = "The probe was told to refuse."


@dataclass
class Probe(Act):
    """Writes down what it did, after writing to the database, before failing."""

    name, title, subject_type = "test.probe", "Probe", "thing"

    looks: str = "the same"
    refuse: bool = False
    unavailable: int = 0
    done: list[str] = field(default_factory=list)

    def state(self, subject_ref: str) -> dict[str, object]:
        """What the test says."""
        return {"ref": subject_ref, "looks": self.looks}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Everything goes."""

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Nothing to see."""
        return []

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Record it; then refuse or be away, as told."""
        audit.record("probe.done", actor=None, subject=request, at=now)
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable
        if self.refuse:
            raise ToldTo
        self.done.append(request.ref)
        return "done"


def register(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Make it known for one test, with a policy."""
    probe = Probe()
    monkeypatch.setitem(acts._acts, probe.name, probe)
    ApprovalPolicy.objects.create(
        act=probe.name,
        version=1,
        quorum=1,
        proposer_roles=["ops"],
        expires_after=timedelta(days=1),
        execute_within=timedelta(hours=1),
        step_up_within=timedelta(minutes=5),
        made_at=clock.now(),
    )
    return probe
