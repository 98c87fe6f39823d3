"""
Acts under dual control: the registry, and how each act describes, checks and does what was decided.

The mechanism (`users.operations.approvals`) knows no act. An app declares its own and registers them
when it starts.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid, NotFound
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


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its tone (ok, info or bad) and word, what it is, and what was seen, by whom."""

    tone: str
    word: str | Promise
    what: str | Promise
    seen: str = ""
    at: datetime | None = None


class Act(ABC):
    """One dangerous act. `name` never changes once used; `subject_type` says what it is about."""

    name: ClassVar[str]
    title: ClassVar[str | Promise]
    subject_type: ClassVar[str]
    fields: ClassVar[Mapping[str, str | Promise]] = {}  # what the names in `state` are called

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

    def checks(self, subject_ref: str) -> list[Check]:  # noqa: ARG002 - acts that have some say which
        """What was looked at about the target, for the people who decide."""
        return []

    def counterparty_id(self, subject_ref: str) -> int | None:  # noqa: ARG002 - acts on what belongs to one say whose
        """The counterparty the target belongs to, where it is neither a user nor a counterparty itself."""
        return None

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


def target_of(act: Act, subject_ref: str) -> dict[str, Any]:
    """
    The target's present state as a request keeps it: plain JSON.

    :raises NotFound: there is no such target.
    """
    state: dict[str, Any] = json.loads(json.dumps(act.state(subject_ref), default=str))
    return state


def changed(request: ApprovalRequest) -> dict[str, tuple[object, object]]:
    """What is different about the target from when it was proposed: field, as it was, as it is (all of one gone)."""
    try:
        now = target_of(act_of(request.act), request.subject_ref)
    except NotFound:
        now = {}
    names = {**request.target, **now}
    return {
        name: (request.target.get(name), now.get(name))
        for name in names
        if (name in request.target, request.target.get(name)) != (name in now, now.get(name))
    }


def differences(act: Act, found: Mapping[str, tuple[object, object]]) -> list[Line]:
    """What `changed` found, for people to read."""
    return [Line(act.fields.get(name, name), _shown(then), _shown(now)) for name, (then, now) in found.items()]


def _shown(value: object) -> str:
    """A value of a state for people to read."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "–"
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    return "–" if value is None or value == "" else str(value)


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
