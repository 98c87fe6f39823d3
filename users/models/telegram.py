"""Which Telegram account speaks for which user, and what its buttons mean."""

import secrets
from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q


class TelegramLink(models.Model):
    """One Telegram account (its numeric id, never its name) bound to one user. An ended link keeps its row."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="telegram_links")
    telegram_id = models.BigIntegerField()
    linked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    withdrawals_from = models.DateTimeField(null=True, blank=True)  # stamped by the database: later accounts cool off
    unreachable_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["telegram_id"], condition=Q(ended_at__isnull=True), name="telegram_one_user"
            ),
            models.UniqueConstraint(fields=["user"], condition=Q(ended_at__isnull=True), name="telegram_one_account"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ↔ {self.telegram_id}"


class LinkToken(models.Model):
    """
    What a Telegram account shows to become a user's: `/start` and the token. Once, within minutes.

    Only the SHA-256 of the token is kept.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="link_tokens")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    hash = models.BinaryField(unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link token {self.pk}"


class CallbackToken(models.Model):
    """
    What one button means: one action on one version of one object, for one user.

    The button carries only the random token; whoever presses a copied or forged one is refused. `created_at`
    moves on while it is shown again (`users.callbacks`): from then on its age is counted.
    """

    token = models.CharField(max_length=32, unique=True, default=partial(secrets.token_urlsafe, 16))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="callback_tokens")
    action = models.CharField(max_length=32)
    subject = models.CharField(max_length=32)
    version = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "action", "subject", "version"], name="callback_one_token"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
