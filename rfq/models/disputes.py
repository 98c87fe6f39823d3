"""Disputes: a client or an LP says that a trade of theirs is not right."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from rfq.models.trading import Fill
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import Counterparty
from users.models.approvals import Meaningful


class Dispute(StateMachine):
    """
    What one party of a fill (`party`, its client or its LP) says is wrong with it, and what came of it.

    `opened_by` is a login of the party, or a person of the desk who opened it in the party's name.
    `assigned_to` handles it; who handled it last stays with one that is over.
    """

    class Status(models.TextChoices):
        """See the state machine in docs/architecture.md."""

        OPEN = "open", _("Open")
        ASSIGNED = "assigned", _("Assigned")
        RESOLVED = "resolved", _("Resolved")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class Kind(models.TextChoices):
        """What is said to be wrong."""

        PRICE = "price", _("Price")
        AMOUNT = "amount", _("Amount")
        SETTLEMENT = "settlement", _("Settlement")
        OTHER = "other", _("Something else")

    class Outcome(models.TextChoices):
        """What came of it: the party was right, was not, or both sides settled on something."""

        UPHELD = "upheld", _("Upheld")
        REJECTED = "rejected", _("Rejected")
        AGREED = "agreed", _("Agreed")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.OPEN})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.OPEN: frozenset({Status.ASSIGNED, Status.WITHDRAWN}),
        Status.ASSIGNED: frozenset({Status.OPEN, Status.RESOLVED, Status.WITHDRAWN}),
    }
    LIVE: ClassVar[frozenset[str]] = frozenset({Status.OPEN, Status.ASSIGNED})

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "DSP"))
    fill = models.ForeignKey(Fill, on_delete=models.PROTECT, related_name="disputes")
    party = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="disputes")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.TextField(max_length=1000)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True, default="")
    resolution = models.TextField(max_length=1000, blank=True, default="")
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    assigned_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "-id"], name="dispute_status"),
            models.Index(fields=["party", "-id"], name="dispute_party"),
            models.Index(fields=["assigned_to", "-id"], name="dispute_handler"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["opened_by", "idempotency_key"], name="dispute_key_once"),
            models.UniqueConstraint(
                fields=["fill", "party"], condition=Q(status__in=["open", "assigned"]), name="dispute_one_live"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["price", "amount", "settlement", "other"]), name="dispute_kind_known"
            ),
            models.CheckConstraint(condition=Meaningful(F("text")), name="dispute_text_meaningful"),
            models.CheckConstraint(
                condition=Q(status="open", assigned_to__isnull=True)
                | Q(status__in=["assigned", "resolved"], assigned_to__isnull=False)
                | Q(status="withdrawn"),
                name="dispute_handled_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(assigned_to__isnull=True, assigned_at__isnull=True)
                | Q(assigned_to__isnull=False, assigned_at__isnull=False),
                name="dispute_assigned_at_some_time",
            ),
            models.CheckConstraint(
                condition=Q(status="resolved", outcome__in=["upheld", "rejected", "agreed"])
                & Meaningful(F("resolution"))
                | ~Q(status="resolved") & Q(outcome="", resolution=""),
                name="dispute_resolved_with_an_outcome",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "assigned"], closed_at__isnull=True)
                | Q(status__in=["resolved", "withdrawn"], closed_at__isnull=False),
                name="dispute_closed_at_its_end",
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def is_live(self) -> bool:
        """Whether something can still come of it."""
        return self.status in self.LIVE

    @property
    def other_side(self) -> Counterparty:
        """The party of the trade that did not dispute it, and whom this one must not learn of. Reads the fill."""
        return self.fill.lp if self.party_id == self.fill.client_id else self.fill.client


class DisputeNote(models.Model):
    """What somebody added to a dispute. An internal one is for the desk alone and never shown to the party."""

    append_only: ClassVar[bool] = True

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=64)
    text = models.TextField(max_length=1000)
    is_internal = models.BooleanField()
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["author", "idempotency_key"], name="dispute_note_key_once"),
            models.CheckConstraint(condition=Meaningful(F("text")), name="dispute_note_meaningful"),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.added_at:%Y-%m-%d %H:%M}"


class DisputeAttachment(models.Model):
    """
    A file that a party sent to its dispute, whole and as it came.

    What kind it is its content says (`media_type`), not its name; `sha256` is of the content, in hex. The same
    content is kept once in a dispute. The database checks size, sum and number again. `forwarded_from` is whose
    message it was and when, where the party passed it on, as Telegram tells it.
    """

    append_only: ClassVar[bool] = True

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="attachments")
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=64)
    name = models.CharField(max_length=128)
    media_type = models.CharField(max_length=32)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    forwarded_from = models.CharField(max_length=160, blank=True, default="", db_default="")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sent_by", "idempotency_key"], name="dispute_attachment_key_once"),
            models.UniqueConstraint(fields=["dispute", "sha256"], name="dispute_attachment_once"),
            models.CheckConstraint(
                condition=Q(media_type__in=["application/pdf", "image/png", "image/jpeg", "text/plain", "text/csv"]),
                name="dispute_attachment_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.name}"
