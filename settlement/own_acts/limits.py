"""What acts have in common that replace limits: one row of numbers, of which two people write the next version."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol

from django.db.models import Model
from django.utils.functional import Promise

from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, grouped


class Limits(Protocol):
    """A module that knows one kind of them: what it is called as a subject, its fields, and what holds now."""

    @property
    def SUBJECT(self) -> str: ...  # noqa: N802, D102 - constants of the module

    @property
    def FIELDS(self) -> Mapping[str, str | Promise]: ...  # noqa: N802, D102 - likewise

    def current(self) -> Any:
        """Read the newest version."""

    def values_of(self, policy: Any) -> dict[str, object]:
        """The numbers of a version, as they are proposed."""


class ChangeLimits(Act):
    """Other limits, all of them; what holds already is refused as `same`."""

    terms: ClassVar[Limits]
    policy: ClassVar[type[Model]]
    same: ClassVar[type[Conflict]]

    @abstractmethod
    def columns(self, payload: Payload) -> dict[str, Any]:
        """
        Read the next version out of the details; every field is there.

        :raises BadPayload: one is out of its bounds.
        """

    def words_of(self, name: str) -> str | Promise:
        """What a field is called."""
        return self.terms.FIELDS[name]

    def state(self, subject_ref: str) -> dict[str, object]:
        """The limits as they are."""
        if subject_ref != self.terms.SUBJECT:
            raise NotFound
        return self.terms.values_of(self.terms.current())

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Numbers within their bounds, and something that changes."""
        now = self.state(subject_ref)
        self._read(payload)
        if now == dict(payload):
            raise self.same

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Each limit, now and after."""
        now = self.state(subject_ref)
        return [
            Line(self.words_of(name), grouped(now[name]), grouped(payload.get(name, "–"))) for name in self.terms.FIELDS
        ]

    def write(self, request: ApprovalRequest, *, now: datetime) -> audit.Change:
        """
        Write the next version down; what changed, for the audit event.

        :raises Conflict: it holds already.
        """
        self.check(request.subject_ref, request.payload)
        before = self.terms.current()
        made = self.policy._default_manager.create(
            version=before.version + 1, made_at=now, **self._read(request.payload)
        )
        return acts.carried(request, before=self.terms.values_of(before), after=self.terms.values_of(made))

    def _read(self, payload: Payload) -> dict[str, Any]:
        if set(payload) != set(self.terms.FIELDS):
            raise BadPayload(field="terms")
        return self.columns(payload)
