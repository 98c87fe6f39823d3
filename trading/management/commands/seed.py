"""`manage.py seed`: what an empty desk needs."""

from typing import Any

from django.core.management.base import BaseCommand

from trading.sandbox.seed import seed


class Command(BaseCommand):
    help = "Make currencies and pairs; in the sandbox also demo counterparties, people, funds. Safe to run again."

    def handle(self, *_args: Any, **_options: Any) -> None:
        made: list[str] = []
        seed(made.append)
        for line in made:
            self.stdout.write(f"made {line}")
        if not made:
            self.stdout.write("nothing to make: everything is there")
