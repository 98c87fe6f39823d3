"""`manage.py restored`: after a backup was put back, pause every wallet until chain and books are proved to agree."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from settlement import operations
from trading.lib import clock

HELP = """Say that this database was restored from a backup: every wallet is paused, at once.

Run it before any worker starts. A copy in another cluster or database is noticed without it; one that was put back in
the same place is not. What to do next: docs/runbook.md, "A backup was restored".
"""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="", help="which backup, and why it was put back")

    def handle(self, *_args: Any, **options: Any) -> None:
        number = operations.declare_restored(reason=options["reason"], now=clock.now())
        self.stdout.write(f"{number} wallets are paused. Start the worker and follow docs/runbook.md.")
