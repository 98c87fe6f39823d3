"""`migrate`, by the owner role, and the runtime role's grants after it."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from trading import database


class Command(migrate.Command):
    """Django's `migrate` on the owner's connection."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Make the owner's alias the default one."""
        super().add_arguments(parser)
        if database.OWNER in settings.DATABASES:
            parser.set_defaults(database=database.OWNER)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then grant."""
        super().handle(*args, **options)
        database.apply_grants()
