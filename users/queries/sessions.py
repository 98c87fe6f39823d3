"""Reads about sessions."""

from datetime import datetime

from users.models import Session, User


def of_user(user: User, *, at: datetime) -> list[Session]:
    """List a login's live sessions with both factors, the one seen last first. One query."""
    return list(Session.objects.live(at=at).begun().filter(user=user).order_by("-seen_at"))
