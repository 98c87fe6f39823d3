"""Reads about people and what they did."""

from collections.abc import Sequence

from users.errors import NotActive, NotLinked
from users.models import AuditEvent, TelegramLink, TotpDevice, User

TIMELINE_LIMIT = 200


def events_about(refs: Sequence[str]) -> list[AuditEvent]:
    """List what happened to the things with these refs, oldest first (the latest 200)."""
    latest = AuditEvent.objects.filter(subject_ref__in=refs).order_by("-pk")[:TIMELINE_LIMIT]
    return list(reversed(latest))


def confirmed_totp(user: User) -> TotpDevice | None:
    """Find the user's confirmed authenticator, if one was enrolled."""
    device: TotpDevice | None = TotpDevice.objects.filter(user=user, confirmed=True).first()
    return device


def user_of_telegram(telegram_id: int) -> User:
    """
    The active user a Telegram account speaks for, with its counterparty.

    :raises NotLinked: nobody has this account.
    :raises NotActive: the user may not act at present.
    """
    links = TelegramLink.objects.select_related("user__counterparty", "user__person")
    link = links.filter(telegram_id=telegram_id, ended_at=None).first()
    if link is None:
        raise NotLinked
    if not link.user.is_active:
        raise NotActive
    return link.user
