"""`manage.py rotate_keys`: encrypt what is kept encrypted with the newest key of FIELD_ENCRYPTION_KEYS."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading import database
from trading.lib import clock
from users import operations, rotation


class Command(BaseCommand):
    help = "Encrypt every encrypted field with the newest key. Needs DATABASE_OWNER_URL; run it until it renews none."

    def handle(self, *_args: Any, **_options: Any) -> None:
        using = database.OWNER if database.OWNER in settings.DATABASES else "default"
        found = rotation.rotate(using=using)
        operations.record_rotation(renewed=found.renewed, unreadable=found.unreadable, now=clock.now())
        self.stdout.write(f"renewed {found.renewed}, already with the newest key {found.current}")
        if found.unreadable:
            raise CommandError(
                f"No key reads: {', '.join(found.unreadable)}. Nothing of these was changed: add the key they were "
                "encrypted with to the end of FIELD_ENCRYPTION_KEYS and run it again, or let their owners enrol anew "
                "(device.reset).",
                returncode=3,
            )
