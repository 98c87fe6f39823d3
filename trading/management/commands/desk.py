"""Run the whole desk on this machine: `make run`."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.sandbox import desk
from trading.sandbox.localenv import SetupError


class Command(BaseCommand):
    help = "Run the whole desk on this machine: database, web, worker, bot and sandbox, until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prepare", action="store_true", help="only migrate, seed and collect static files, as the owner, and end"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["prepare"]:
            call_command("migrate")
            call_command("seed", demo=True)
            call_command("collectstatic", interactive=False, verbosity=0)
            return
        try:
            desk.run(lambda line: print(line, flush=True))
        except SetupError as error:
            raise CommandError(str(error)) from None
