"""`manage.py audit_anchor FILE`: note the latest seal outside the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.lib import clock
from trading.lib.errors import DeskError
from users.verification.anchors import AnchorMismatch, add_anchor
from users.verification.findings import COULD_NOT_VERIFY, Kind


class Command(BaseCommand):
    help = "Append the number and hash of the latest seal to a file that the database's owner cannot write."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            anchor = add_anchor(options["file"], now=clock.now())
        except AnchorMismatch as error:
            raise CommandError(error.sentence, returncode=Kind.ANCHOR.exit_code) from error
        except DeskError as error:
            raise CommandError(error.sentence, returncode=COULD_NOT_VERIFY) from error
        self.stdout.write(f"seal {anchor.number} {anchor.hash.hex()}")
