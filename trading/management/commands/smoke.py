"""Start everything, sign in, trade once, stop: `make smoke`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.sandbox import smoke
from trading.sandbox.localenv import SetupError


class Command(BaseCommand):
    help = "Prove the whole desk over real HTTP: health, sign-in with a one-time code, one trade settled, clean stop."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            smoke.run()
        except (smoke.SmokeError, SetupError) as error:
            raise CommandError(str(error)) from None
