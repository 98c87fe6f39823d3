"""Tokens of programs that act for a person: families of refresh tokens, and how often somebody called lately."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q

from trading.lib.ids import new_ref


class TokenFamily(models.Model):
    """
    What one sign-in of a program with password and one-time code began. Ended, none of its tokens works any more.

    The database ends all families of a user whose status or roles change (`users/migrations/0012_tokens.py`).
    """

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "TOK"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="token_families")
    address = models.GenericIPAddressField(null=True, blank=True)
    began_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "token families"
        indexes = [models.Index(fields=["user"], condition=Q(ended_at__isnull=True), name="token_family_live")]

    def __str__(self) -> str:
        return self.ref


class RefreshToken(models.Model):
    """One refresh token of a family, by its SHA-256. It works once: using it makes the next one."""

    family = models.ForeignKey(TokenFamily, on_delete=models.CASCADE, related_name="refresh_tokens")
    hash = models.BinaryField(unique=True)
    issued_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"refresh token {self.pk}"


class CallCount(models.Model):
    """How often one caller called in the present window. Kept without a write-ahead log: a crash forgets it."""

    caller = models.CharField(max_length=96, primary_key=True)
    began_at = models.DateTimeField()
    number = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.caller
