"""`manage.py seed`: what an empty desk needs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.sandbox.seed import MissingSecrets, seed


class Command(BaseCommand):
    help = "Make currencies and pairs; in the sandbox also demo counterparties, people, funds. Safe to run again."

    def handle(self, *_args: Any, **_options: Any) -> None:
        made: list[str] = []
        try:
            seed(made.append)
        except MissingSecrets as error:
            raise CommandError(str(error)) from error
        for line in made:
            self.stdout.write(f"made {line}")
        if not made:
            self.stdout.write("nothing to make: everything is there")
