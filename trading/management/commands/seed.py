"""`manage.py seed`: what an empty desk needs; `--scale` gives the sandbox a long past."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.sandbox.demo import leave
from trading.sandbox.scale import NothingToCopy, scale
from trading.sandbox.seed import MissingSecrets, seed


class Command(BaseCommand):
    help = "Make currencies and pairs; in the sandbox also demo counterparties, people, funds. Safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--scale", type=int, default=0, metavar="RFQS", help="copy settled trades until there are so many requests"
        )
        parser.add_argument(
            "--demo", action="store_true", help="in a sandbox where nobody has traded: leave something on every page"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        made: list[str] = []
        try:
            seed(made.append)
            if options["demo"] and settings.IS_SANDBOX:
                leave(made.append)
            if options["scale"]:
                scale(options["scale"], made.append)
        except (MissingSecrets, NothingToCopy) as error:
            raise CommandError(str(error)) from error
        for line in made:
            self.stdout.write(f"made {line}")
        if not made:
            self.stdout.write("nothing to make: everything is there")
