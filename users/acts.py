"""
Acts under dual control: the registry, and how each act describes, checks and does what was decided.

The mechanism (`users.operations.approvals`) knows no act. An app declares its own and registers them
when it starts.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid
from users import audit
from users.models import ApprovalDecision, ApprovalRequest

type Payload = Mapping[str, Any]


class UnknownAct(Invalid):
    """No app registered an act of that name."""

    code = "unknown_act"
    text = _("There is no act {act}. Known are: {known}.")


@dataclass(frozen=True, slots=True)
class Line:
    """One field of what changes: as it is, and as it will be."""

    field: str | Promise
    now: str
    after: str


class Act(ABC):
    """One dangerous act. `name` never changes once used; `subject_type` says what it is about."""

    name: ClassVar[str]
    title: ClassVar[str | Promise]
    subject_type: ClassVar[str]

    @abstractmethod
    def state(self, subject_ref: str) -> dict[str, object]:
        """
        What the target looks like now, in plain values: if it changes, open requests are superseded.

        :raises NotFound: there is no such target.
        """

    @abstractmethod
    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """What will change, for the people who decide."""

    @abstractmethod
    def check(self, subject_ref: str, payload: Payload) -> None:
        """
        Refuse what cannot be done, when it is proposed and again before it is.

        :raises DeskError: why not.
        """

    @abstractmethod
    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """
        Do it, inside the deciding transaction; the answer says what was done.

        :raises Unavailable: something it needs is away; it is tried again within the execution time.
        :raises DeskError: it cannot be done; the request fails with this reason.
        """


_acts: dict[str, Act] = {}


def register(act: Act) -> None:
    """Make an act known. Called by an app when it starts."""
    _acts[act.name] = act


def act_of(name: str) -> Act:
    """
    The act of that name.

    :raises UnknownAct: nobody registered it.
    """
    if name not in _acts:
        raise UnknownAct(act=name, known=", ".join(sorted(_acts)))
    return _acts[name]


def names() -> list[str]:
    """All acts, in order."""
    return sorted(_acts)


def target_digest(act: Act, subject_ref: str) -> bytes:
    """SHA-256 over the target's present state as canonical JSON."""
    text = json.dumps(act.state(subject_ref), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).digest()


def carried(
    request: ApprovalRequest, *, before: Mapping[str, object] | None = None, after: Mapping[str, object] | None = None
) -> audit.Change:
    """What the audit event of an executed request says: what changed, why, on whose second word, over which digest."""
    approvals = request.decisions.filter(verdict=ApprovalDecision.Verdict.APPROVE)
    last = approvals.select_related("decided_by").order_by("-pk")[0]
    return audit.Change(
        before=before,
        after={**(after or {}), "request": request.ref},
        reason=request.reason,
        secondary_approver=last.decided_by,
        digest=bytes(request.digest),
    )
