"""Checks of our own for `check --deploy`, each with a sentence that says what to do."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    """Make Django run them."""
    checks.register(two_roles, checks.Tags.security, deploy=True)
    checks.register(telegram, checks.Tags.security, deploy=True)


def two_roles(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """The web and the workers must not run as the role that owns the tables."""
    default, owner = settings.DATABASES["default"], settings.DATABASES.get("owner")
    if owner and owner["USER"] == default["USER"]:
        text = "DATABASE_URL and DATABASE_OWNER_URL use the same role"
        hint = "Give the runtime a role of its own that owns nothing (docs/architecture.md)."
        return [checks.Error(text, hint=hint, id="desk.E001")]
    return []


def telegram(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """The bot needs a token."""
    if settings.TELEGRAM_BOT_TOKEN:
        return []
    hint = "Get one from @BotFather and set TELEGRAM_BOT_TOKEN."
    return [checks.Warning("TELEGRAM_BOT_TOKEN is not set: nobody can trade", hint=hint, id="desk.W001")]
