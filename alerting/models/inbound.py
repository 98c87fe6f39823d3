"""The inbox: every update is stored before Telegram is told that it arrived."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from trading.lib.states import StateMachine, Transitions


class Inbox(models.QuerySet["InboundUpdate"]):
    """What was heard, and what became of it."""

    def dead(self) -> "Inbox":
        """Updates that were given up: the person was told so, the row says why."""
        return self.filter(status=InboundUpdate.Status.FAILED)


class InboundUpdate(StateMachine):
    """One update of the bot. Its id is Telegram's, so that a repeated one is stored once."""

    class Status(models.TextChoices):
        """Whether a handler has seen it through."""

        WAITING = "waiting", _("Waiting")
        HANDLED = "handled", _("Handled")
        FAILED = "failed", _("Failed")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.WAITING})
    TRANSITIONS: ClassVar[Transitions] = {Status.WAITING: frozenset({Status.HANDLED, Status.FAILED})}

    update_id = models.BigIntegerField(unique=True)
    chat_id = models.BigIntegerField()
    payload = models.JSONField()
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    objects = Inbox.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["chat_id", "update_id"], condition=Q(status="waiting"), name="inbound_waiting"),
            models.Index(fields=["chat_id", "update_id"], name="inbound_chat"),
            models.Index(fields=["received_at"], name="inbound_age"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="waiting") | Q(handled_at__isnull=False), name="inbound_ended_when"
            ),
        ]

    def __str__(self) -> str:
        return f"update {self.update_id}"
