"""
Whether the ledger agrees with itself, with what was agreed, and with the chains. Changes nothing.

Everything about the database is read in one read-only snapshot, by statements over all rows at once. The desk itself
looks again and again, in smaller steps: `rounds`.
"""

from django.db import connection, transaction

from settlement.models import Entry, Journal, LedgerAccount
from settlement.reconciliation import books, chain, papers
from settlement.reconciliation.differences import WALLET, Difference, Report, found_by

__all__ = ["Difference", "Report", "differences", "reconcile"]
# All rows take longer than any page may; who runs it waits for it.
SNAPSHOT = "set transaction isolation level repeatable read, read only; set local statement_timeout = 0"


def differences() -> list[Difference]:
    """What differs within the database. Assumes a transaction."""
    return found_by((*books.CHECKS, *papers.CHECKS))


def reconcile() -> Report:
    """Compare everything there is, the chains included. Assumes no transaction."""
    report = Report()
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(SNAPSHOT)
        report.accounts, report.journals = LedgerAccount.objects.count(), Journal.objects.count()
        report.entries = Entry.objects.count()
        report.differences = differences()
    compared = chain.wallets()
    report.wallets = len(compared)
    for one in compared:
        report.differences += one.differences
        if one.unseen:
            report.differences.append(Difference(WALLET, one.wallet.name, one.unseen, wallet=one.wallet.name))
    return report
