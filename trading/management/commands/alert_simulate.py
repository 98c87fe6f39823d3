"""`manage.py alert_simulate <type>`: make an alert fire and be delivered, in the sandbox."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerting.defaults import DEFAULTS
from trading.lib import clock
from trading.lib.errors import DeskError

REFUSED = "Alerts are simulated in the sandbox only (DESK_ENV=sandbox): people would act on this one."


class Command(BaseCommand):
    help = "Make one type of alert fire and be delivered as a real one is. Sandbox only. Types: " + ", ".join(DEFAULTS)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("type", help="which type of alert; all: every one of them")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.IS_SANDBOX:
            raise CommandError(REFUSED)
        from trading.sandbox import alarms  # noqa: PLC0415 - not in production

        for kind in DEFAULTS if options["type"] == "all" else [options["type"]]:
            try:
                alert = alarms.simulate(kind, now=clock.now())
            except DeskError as error:
                raise CommandError(error.sentence) from error
            heard = ", ".join(alert.told_roles) or "nobody"
            self.stdout.write(f"{alert.ref} {kind} is {alert.status}; told to: {heard}")
