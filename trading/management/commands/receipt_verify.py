"""`manage.py receipt_verify FILE`: whether the desk signed this receipt, and whether its books still say the same."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from rfq.receipts import books, envelope
from rfq.receipts.books import Books
from rfq.receipts.envelope import Found, Verdict

EXIT_CODES = {Verdict.VALID: 0, Verdict.ALTERED: 10, Verdict.UNKNOWN_KEY: 11, Verdict.NOT_A_RECEIPT: 12}
BOOKS_DISAGREE, UNREADABLE = 13, 2
HELP = f"""Check a receipt: the PDF as it was handed out, or the receipt.json inside it. Changes nothing.

exit codes:
   0  valid: the desk signed exactly this, and its books say the same
   {UNREADABLE}  the file cannot be read, or the database does not answer (--offline asks none)
  {EXIT_CODES[Verdict.ALTERED]}  altered: something was changed after it was signed
  {EXIT_CODES[Verdict.UNKNOWN_KEY]}  unknown key: none of the desk's keys, of now or before, signed it
  {EXIT_CODES[Verdict.NOT_A_RECEIPT]}  not a receipt
  {BOOKS_DISAGREE}  the desk signed it, but its books say something else now
"""
SENTENCES = {
    Verdict.VALID: "Valid: the desk signed exactly this.",
    Verdict.ALTERED: "Altered: something was changed after it was signed.",
    Verdict.UNKNOWN_KEY: "Unknown key: none of the desk's keys signed it.",
    Verdict.NOT_A_RECEIPT: "Not a receipt of this desk's form.",
}


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="a receipt as PDF or JSON")
        parser.add_argument("--offline", action="store_true", help="look at the signature alone, not at the books")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        found = envelope.check(_read(options["file"]))
        held = None
        if found.verdict == Verdict.VALID and not options["offline"]:
            try:
                held = books.compare(found, reader=None)
            except Error as error:
                raise CommandError(f"The database does not answer: {error}", returncode=UNREADABLE) from error
        self.stdout.write(json.dumps(_as_dict(found, held)) if options["json"] else _text(found, held))
        code = BOOKS_DISAGREE if held and not held.agree else EXIT_CODES[found.verdict]
        if code:
            sys.exit(code)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(envelope.LONGEST + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", returncode=UNREADABLE) from error


def _as_dict(found: Found, held: Books | None) -> dict[str, object]:
    differences = [one.name for one in held.differences] if held else []
    return {
        "verdict": str(found.verdict),
        "key": found.key,
        "receipt": found.facts,
        "books_agree": held.agree if held else None,
        "differences": differences,
    }


def _text(found: Found, held: Books | None) -> str:
    lines = [SENTENCES[found.verdict]]
    if found.verdict == Verdict.VALID:
        lines += [f"  {name}: {_plain(value)}" for name, value in sorted(found.facts.items())]
    if held:
        lines.append("The books say the same." if held.agree else "The books say something else:")
        if not held.is_issued:
            lines.append("  no such receipt was issued here")
        lines += [f"  {one.name}: receipt {one.receipt}, books {one.books}" for one in held.differences]
    return "\n".join(lines)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
