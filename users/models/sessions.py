"""Who is signed in, and from where: sessions that can be listed and ended."""

import hashlib
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
NAME_LENGTH = 16


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions by whose they are and whether they live."""

    def live(self, *, at: datetime) -> Self:
        """Those that are neither idle nor too old at this instant."""
        return self.filter(expire_date__gt=at)

    def begun(self) -> Self:
        """Those in which both factors were given."""
        return self.filter(is_verified=True)


class Session(AbstractBaseSession):
    """
    One browser's session. Its primary key is the SHA-256 of the cookie's value, so a copied row opens nothing.

    What the columns say besides Django's three is drawn from the session's data when it is saved
    (`users.sessions`). The database ends all sessions of a user whose status or roles change
    (`users/migrations/0009_sessions.py`).
    """

    session_key = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions", null=True, blank=True
    )
    is_verified = models.BooleanField(default=False)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True, blank=True)
    browser = models.CharField(max_length=64, blank=True)

    objects: ClassVar[SessionQuerySet] = SessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(session_key__regex=r"^[0-9a-f]{64}$"), name="session_key_hashed"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What tells it from other sessions of its user: the beginning of the hash, which opens nothing."""
        return self.session_key[:NAME_LENGTH]

    @classmethod
    def get_session_store_class(cls) -> type:
        """The store that reads and writes these rows."""
        from users.sessions import SessionStore  # noqa: PLC0415 - it imports this module

        return SessionStore


def hashed(key: str) -> str:
    """The primary key of the session that a cookie's value opens."""
    return hashlib.sha256(key.encode()).hexdigest()
