"""Run the whole desk on this machine: `make run`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.sandbox import desk
from trading.sandbox.localenv import SetupError


class Command(BaseCommand):
    help = "Run the whole desk on this machine: database, web, worker, bot and sandbox, until Ctrl-C."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            desk.run(lambda line: print(line, flush=True))
        except SetupError as error:
            raise CommandError(str(error)) from None
