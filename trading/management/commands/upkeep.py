"""`manage.py upkeep`: note that a backup was made, or that one was restored for trial and found whole."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trading.lib import clock
from users.operations import record_backup, record_drill

NOTED = {"backup": record_backup, "drill": record_drill}


class Command(BaseCommand):
    help = (
        "Note in the evidence that a backup was made or a restore drill passed. Call it only after that succeeded: "
        "`desk_backup_age_seconds` and `desk_restore_drill_age_seconds` count from here."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=sorted(NOTED))
        parser.add_argument("--detail", default="", help="where it is, and its checksum")

    def handle(self, *_args: Any, **options: Any) -> None:
        event = NOTED[options["what"]](detail=options["detail"], now=clock.now())
        self.stdout.write(f"Noted as audit event {event.pk}: {event.name}.")
