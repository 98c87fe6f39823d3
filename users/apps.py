"""Accountability: who, may they, and the record of it."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Persons, users, counterparties, roles, devices, Telegram links, audit."""

    name = "users"
    default_auto_field = "django.db.models.BigAutoField"
