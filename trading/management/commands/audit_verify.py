"""`manage.py audit_verify`: whether the evidence is whole, and everybody's power rests on it."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from trading.lib import clock
from users import verification
from users.verification.anchors import UnreadableAnchor
from users.verification.findings import COULD_NOT_VERIFY, Report

HELP = f"""Verify the audit log, its seals, and everything that rests on them. Changes nothing.

exit codes (the most severe that was found):
   0  everything is as it must be
  10  chain: an event was edited or removed, or a seal
  11  anchor: a seal that was noted outside is not there any more
  12  unreconciled: a user, role, account, policy or the flag without its request, or the other way round
  13  guards: a trigger, function, constraint or grant is not as it must be
  14  sealing_lags: events older than ten minutes are in no seal
  15  demo_proof: decisions without a code, outside a sandbox
  {COULD_NOT_VERIFY}  could not verify: no database, or the anchor file cannot be read
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchor", type=Path, metavar="FILE", help="compare with the seals noted in this file")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            report = verification.verify(now=clock.now(), anchor=options["anchor"])
        except UnreadableAnchor as error:
            raise CommandError(error.sentence, returncode=COULD_NOT_VERIFY) from error
        except Error as error:
            raise CommandError(f"The database does not answer: {error}", returncode=COULD_NOT_VERIFY) from error
        self.stdout.write(json.dumps(report.as_dict()) if options["json"] else _text(report))
        if report.exit_code:
            sys.exit(report.exit_code)


def _text(report: Report) -> str:
    lines = [str(finding) for finding in report.findings]
    seen = f"{report.seals} seals over {report.events} events"
    if not lines:
        return f"Everything is as it must be: {seen}; the last seal is {report.last_hash[:16] or 'none yet'}."
    return "\n".join([*lines, f"{len(lines)} findings in {seen}; see docs/audit.md. Exit code {report.exit_code}."])
