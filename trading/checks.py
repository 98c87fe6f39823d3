"""Checks of our own for `check --deploy`, each with a sentence that says what to do."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    """Make Django run them."""
    checks.register(two_roles, checks.Tags.security, deploy=True)
    checks.register(telegram, checks.Tags.security, deploy=True)
    checks.register(passkey_roles, checks.Tags.security)


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


def passkey_roles(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """A role misspelt in PASSKEY_ROLES would need no passkey."""
    from users.models import Role  # noqa: PLC0415 - models must be loaded first

    unknown = [role for role in settings.PASSKEY_ROLES if role not in Role.values]
    if not unknown:
        return []
    text = f"PASSKEY_ROLES names roles that do not exist: {', '.join(unknown)}"
    return [checks.Error(text, hint=f"Use {', '.join(Role.values)}.", id="desk.E002")]
