"""One table, one gate: how every state machine of the desk changes state."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, cast

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.lib import rows
from trading.lib.errors import Conflict

type Transitions = Mapping[str, frozenset[str]]


class IllegalTransition(Conflict):
    """The state machine has no such step, or somebody else was faster."""

    code = "illegal_transition"
    text = _("{subject} is {status} and cannot become {wanted}. Look at it again before you go on.")


class StateMachine(models.Model):
    """
    A model whose `status` changes only through `move`.

    `INITIAL` names the statuses it may be born with, `TRANSITIONS` maps each status to those that
    may follow; a trigger made from the same table (`trading.lib.schema.transitions`) refuses all
    others in the database.
    """

    INITIAL: ClassVar[frozenset[str]] = frozenset()
    TRANSITIONS: ClassVar[Transitions] = {}
    status: Any

    class Meta:
        abstract = True

    @classmethod
    def first_statuses(cls) -> frozenset[str]:
        """What a row may be born as: `INITIAL`, or else the default of `status`."""
        return cls.INITIAL or frozenset({cls.status_field().default})

    @classmethod
    def status_field(cls) -> "models.Field[Any, Any]":
        """The field that `move` changes; its choices are all statuses there are."""
        return cast("models.Field[Any, Any]", cls._meta.get_field("status"))

    def move(self, to: str, *, at: datetime, **changes: object) -> None:
        """
        Take one step of the state machine, together with `changes` to other fields.

        Compare-and-set: the row must still be in the status this object was read with.

        :raises IllegalTransition: there is no such step, or the row has moved meanwhile.
        """
        if to not in self.TRANSITIONS.get(self.status, frozenset()):
            raise IllegalTransition(subject=self, status=self.status, wanted=to)
        changes |= {"status": to}
        if any(field.name == "updated_at" for field in self._meta.fields):
            changes |= {"updated_at": at}
        if not rows.change(self, changes, status=self.status):
            raise IllegalTransition(subject=self, status=self.status, wanted=to)
        for name, value in changes.items():
            setattr(self, name, value)
