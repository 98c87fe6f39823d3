"""Alert rules, what fires by them, and every notice that was given or held back."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import Counterparty


class Severity(models.TextChoices):
    """How bad it is."""

    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class Rules(models.QuerySet["AlertRule"]):
    """All versions of all rules."""

    def current(self) -> "Rules":
        """The newest version of each."""
        return self.order_by("type", "-version").distinct("type")


class AlertRule(models.Model):
    """
    One version of the terms of one type of alert. A newer version replaces it; no version ever changes.

    Version 1 comes with the schema (`alerting.defaults`); every later one is carried by two (`alert_rule.change`).
    At most `notices` are given in any `window_seconds`.
    """

    append_only: ClassVar[bool] = True

    type = models.CharField(max_length=32)
    version = models.PositiveIntegerField()
    severity = models.CharField(max_length=8, choices=Severity.choices)
    thresholds = models.JSONField(default=dict)
    for_seconds = models.PositiveIntegerField()
    notices = models.PositiveSmallIntegerField()
    window_seconds = models.PositiveIntegerField()
    owners = models.JSONField()
    escalate_seconds = models.PositiveIntegerField()
    made_at = models.DateTimeField()

    objects = Rules.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["type", "version"], name="alert_rule_version"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_rule_severity_known"),
            models.CheckConstraint(
                condition=Q(notices__gte=1, window_seconds__gte=60, escalate_seconds__gte=60), name="alert_rule_sane"
            ),
            models.CheckConstraint(condition=~Q(owners=[]), name="alert_rule_has_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.type} v{self.version}"


class Alert(StateMachine):
    """
    One firing of a rule. Of each type and fingerprint one is open at a time.

    `level` is how bad it is now, on the type's own scale; `told_level` what people know of, `held_level` what was held
    back from them. Nobody is told of what never lasts as long as its rule wants.
    """

    class Status(models.TextChoices):
        """How far it came."""

        PENDING = "pending", _("Pending")
        FIRING = "firing", _("Firing")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        RESOLVED = "resolved", _("Resolved")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.PENDING})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.PENDING: frozenset({Status.FIRING, Status.RESOLVED}),
        Status.FIRING: frozenset({Status.ACKNOWLEDGED, Status.RESOLVED}),
        Status.ACKNOWLEDGED: frozenset({Status.FIRING, Status.RESOLVED}),
    }
    LIVE: ClassVar[frozenset[str]] = frozenset({Status.FIRING, Status.ACKNOWLEDGED})

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "ALT"))
    type = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=64)
    subject = models.CharField(max_length=64, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    rule = models.ForeignKey(AlertRule, on_delete=models.PROTECT, related_name="alerts")
    values = models.JSONField(default=dict)
    level = models.BigIntegerField(default=1)
    told_level = models.BigIntegerField(null=True, blank=True)
    held_level = models.BigIntegerField(null=True, blank=True)
    told_roles = models.JSONField(default=list)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    escalate_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-id"], condition=Q(fired_at__isnull=False), name="alert_fired")]
        constraints = [
            models.UniqueConstraint(
                fields=["type", "fingerprint"], condition=~Q(status="resolved"), name="alert_one_open"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["firing", "acknowledged"]) | Q(fired_at__isnull=False), name="alert_fired_when"
            ),
            models.CheckConstraint(
                condition=~Q(status="acknowledged") | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
                name="alert_acknowledged_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status="resolved") | Q(resolved_at__isnull=False), name="alert_resolved_when"
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def is_told(self) -> bool:
        """Whether people were told of it."""
        return self.told_level is not None

    def worsened_beyond(self, known: int | None) -> bool:
        """Whether it is worse than what is known."""
        return known is None or self.level > known


class AlertTally(models.Model):
    """
    How often one type of alert was told, and what was held back. Its row is the lock under which notices are given.

    `told` and `held_back` count for ever; `held_back_since` counts from the last one told, which it tells next.
    """

    type = models.CharField(max_length=32, unique=True)
    told_at = models.DateTimeField(null=True, blank=True)
    told = models.PositiveBigIntegerField(default=0)
    held_back = models.PositiveBigIntegerField(default=0)
    held_back_since = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "alert tallies"
        constraints = [
            models.CheckConstraint(condition=Q(told=0) | Q(told_at__isnull=False), name="alert_told_when"),
            models.CheckConstraint(condition=Q(held_back_since__lte=F("held_back")), name="alert_counts_all"),
        ]

    def __str__(self) -> str:
        return self.type


class AlertNotice(models.Model):
    """
    One notice about one alert: given, or held back because its type had its number for now. Never changes.

    The database counts those given, too: one too many in a rule's window is refused. That an alert is over is told
    without being counted, once, to whoever was told that it began.
    """

    class Kind(models.TextChoices):
        """Why people are told."""

        FIRED = "fired", _("It fired")
        WORSE = "worse", _("It became worse")
        REMINDED = "reminded", _("What was held back")
        ESCALATED = "escalated", _("Nobody acknowledged it")
        RESOLVED = "resolved", _("It is over")

    append_only: ClassVar[bool] = True

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notices")
    type = models.CharField(max_length=32)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    is_held = models.BooleanField(default=False)
    held_back = models.PositiveBigIntegerField(default=0)
    roles = models.JSONField(default=list)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["type", "at"], name="alert_notice_window")]

    def __str__(self) -> str:
        return f"{self.type}: {self.kind}"
