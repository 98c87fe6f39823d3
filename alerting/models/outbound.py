"""The outbox, and the cards that stay up to date in a chat."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alerting.models.mail import PLAIN_ADDRESS
from alerting.models.preferences import Channel
from trading.lib.states import StateMachine, Transitions


class Outbox(models.QuerySet["OutboundMessage"]):
    """What is to be said, and what became of it."""

    def dead(self) -> "Outbox":
        """Messages that were given up: somebody should know why, and whether to send them again."""
        return self.filter(status__in=[OutboundMessage.Status.FAILED, OutboundMessage.Status.UNREACHABLE])


class OutboundMessage(StateMachine):
    """
    One call to Telegram that must happen, in its chat's order, or one mail, which waits for no other.

    `key` says why it exists; the same reason never makes a second one. A `card` names a live card
    in its payload; what is sent or edited is decided from the state of things when it is delivered.
    A `document` names a paper, which is made when it is delivered: no file lies here. A `menu` is the
    chat's list of commands; it, too, is made when it is delivered. A `mail` has an address and no chat (0).

    `request_id` is whose request caused it, `event` the audit event that it tells of, where there is one.
    """

    class Method(models.TextChoices):
        """What Telegram is asked to do."""

        SEND = "send", _("Send")
        EDIT = "edit", _("Edit a message")
        CARD = "card", _("Live card")
        ANSWER = "answer", _("Answer a button")
        DOCUMENT = "document", _("Document")
        STRIP = "strip", _("Take buttons away")
        MENU = "menu", _("Menu of commands")
        MAIL = "mail", _("E-mail")

    class Status(models.TextChoices):
        """How far it came."""

        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        UNREACHABLE = "unreachable", _("Unreachable")
        TOO_LATE = "too_late", _("Too late to mean anything")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.WAITING})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.WAITING: frozenset({Status.SENDING}),
        Status.SENDING: frozenset({Status.SENT, Status.WAITING, Status.FAILED, Status.UNREACHABLE, Status.TOO_LATE}),
        Status.FAILED: frozenset({Status.WAITING}),  # by hand
        Status.UNREACHABLE: frozenset({Status.WAITING}),
    }

    key = models.CharField(max_length=120, unique=True)
    chat_id = models.BigIntegerField()
    address = models.CharField(max_length=254, blank=True, default="", db_default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    event = models.ForeignKey(
        "users.AuditEvent", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    method = models.CharField(max_length=8, choices=Method.choices)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    message_id = models.BigIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    resent_at = models.DateTimeField(null=True, blank=True)  # when somebody had it sent after it was given up

    objects = Outbox.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["chat_id", "id"], condition=Q(status__in=["waiting", "sending"]), name="outbound_due"),
            models.Index(fields=["created_at"], name="outbound_age"),
            models.Index(fields=["id"], condition=Q(status__in=["failed", "unreachable"]), name="outbound_dead"),
            models.Index(fields=["id"], condition=Q(method="mail"), name="outbound_mail"),
            models.Index(fields=["request_id"], condition=~Q(request_id=""), name="outbound_request"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(status="sent") | Q(sent_at__isnull=False), name="outbound_sent_when"),
            models.CheckConstraint(condition=~Q(key=""), name="outbound_has_reason"),
            models.CheckConstraint(
                condition=Q(~Q(method="mail"), address="") | Q(method="mail", chat_id=0, address__regex=PLAIN_ADDRESS),
                name="outbound_one_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} to {self.address or self.chat_id}"

    @property
    def ref(self) -> str:
        """What people call it by."""
        return f"MSG-{self.pk:04}"

    @property
    def channel(self) -> Channel:
        """How it reaches its reader."""
        return Channel.MAIL if self.method == self.Method.MAIL else Channel.TELEGRAM

    @property
    def is_dead(self) -> bool:
        """Whether it was given up."""
        return self.status in {self.Status.FAILED, self.Status.UNREACHABLE}


class LiveCard(models.Model):
    """
    One message that shows one thing as it is now, in one chat.

    `digest` is of what the message shows, so that an unchanged card costs no edit. `focus` names
    the quote whose full terms are on it, while its owner decides. A closed card is never edited again.
    """

    chat_id = models.BigIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="live_cards")
    subject = models.CharField(max_length=16)
    focus = models.CharField(max_length=16, blank=True)
    message_id = models.BigIntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    shown_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat_id", "subject"], name="card_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} in {self.chat_id}"


class Heartbeat(models.Model):
    """When a process last showed that it works: `bot` after each poll, `worker` by a job."""

    name = models.CharField(max_length=32, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
