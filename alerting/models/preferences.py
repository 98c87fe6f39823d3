"""How loudly people want to be told things. Who chose nothing is told everything, with sound."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """How something reaches a person."""

    TELEGRAM = "telegram", _("Telegram")
    MAIL = "mail", _("E-mail")


class NotificationChoice(models.Model):
    """How one person wants to hear of one topic (`alerting.topics`) by one channel. Mail makes no sound."""

    class Level(models.TextChoices):
        """How loudly."""

        ON = "on", _("with sound")
        SILENT = "silent", _("silently")
        OFF = "off", _("not at all")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_choices")
    topic = models.CharField(max_length=16)
    channel = models.CharField(
        max_length=8, choices=Channel.choices, default=Channel.TELEGRAM, db_default=Channel.TELEGRAM
    )
    level = models.CharField(max_length=8, choices=Level.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic", "channel"], name="notification_one_choice"),
            models.CheckConstraint(condition=~Q(channel="mail", level="silent"), name="notification_mail_has_no_sound"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.topic} {self.level} ({self.channel})"


class QuietHours(models.Model):
    """
    When a person's messages come without sound, and mail waits, on their own clock.

    They go past midnight where `ends` is earlier.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="quiet_hours"
    )
    starts = models.TimeField()
    ends = models.TimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(starts=F("ends")), name="quiet_hours_end")]

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}–{self.ends:%H:%M}"

    def cover(self, at: datetime, time_zone: str) -> bool:
        """Whether that instant is a quiet one where the person lives."""
        local = at.astimezone(ZoneInfo(time_zone)).time()
        if self.starts < self.ends:
            return self.starts <= local < self.ends
        return local >= self.starts or local < self.ends

    def over_at(self, at: datetime, time_zone: str) -> datetime:
        """The end of the quiet hours that cover this instant."""
        local = at.astimezone(ZoneInfo(time_zone))
        ends = local.replace(hour=self.ends.hour, minute=self.ends.minute, second=0, microsecond=0)
        return ends if ends > local else ends + timedelta(days=1)
