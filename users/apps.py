"""Accountability: who, may they, and the record of it."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Persons, users, counterparties, roles, devices, Telegram links, dual control, audit."""

    name = "users"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the acts on people."""
        from users import own_acts  # noqa: PLC0415 - models must be loaded first

        own_acts.register()
