"""`manage.py reconcile`: whether the ledger agrees with itself, with what was agreed, and with the chains."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from settlement import reconciliation
from settlement.reconciliation import Report

COULD_NOT = 20
HELP = f"""Prove that the ledger agrees. Changes nothing.

checks:
  cache        each cached balance is the sum of its entries
  floor        no client or wallet has less than its holds and credit line allow
  holds        what is held is what open trades, withdrawals and transfers take
  journal      each journal balances per asset and layer, and has entries of its accounts' assets
  asset        each asset sums to zero, per layer
  lacking      each settlement, withdrawal, LP payment and deposit has the journals of its state
  unexplained  and no others
  amount       a deposit's or LP payment's journal moves what it says
  transfer     each final transfer has its journal, with its amount
  terms        a settlement's journals move what was agreed
  reversal     what takes another journal back moves exactly as much the other way
  wallet       each hot wallet has in the ledger what its chain says
  nonce        its chain has no more transactions of it than nonces were drawn
  outgoing     all that left it was signed here or is explained, and all that is final left it
  incoming     nothing came to it that nobody booked

exit codes:
   0  everything agrees
   1  something differs: each difference is printed with its ref
  {COULD_NOT}  could not look: the database does not answer
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            report = reconciliation.reconcile()
        except Error as error:
            raise CommandError(f"The database does not answer: {error}", returncode=COULD_NOT) from error
        self.stdout.write(json.dumps(report.as_dict()) if options["json"] else _text(report))
        if report.exit_code:
            sys.exit(report.exit_code)


def _text(report: Report) -> str:
    seen = (
        f"{report.accounts} accounts, {report.entries} entries of {report.journals} journals, {report.wallets} wallets"
    )
    if not report.differences:
        return f"Everything agrees: {seen}."
    lines = [str(one) for one in report.differences]
    return "\n".join([*lines, f"{len(lines)} differences in {seen}; see docs/ledger.md."])
