"""Copies of the books, as CSV: an account's entries, the trial balance. Who takes one is noted first."""

from collections.abc import Iterator
from datetime import datetime

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from settlement import books, operations, trial_balance
from settlement.books import Line
from settlement.models import LedgerAccount
from settlement.trial_balance import AssetBalance
from settlement.views.ledger import days_of, instant_of, require_whole_desk, span_of
from trading.lib import clock, sheets
from trading.lib.documents import CSV
from users import access
from users.access import console

ENTRY_COLUMNS = ("id", "at", "journal", "kind", "subject", "layer", "amount", "balance_of_layer", "asset")
BALANCE_COLUMNS = ("as_of", "asset", "kind", "accounts", "debit", "credit", "held_debit", "held_credit")


@require_POST
@console("ledger.view")
def account(request: HttpRequest, code: str) -> HttpResponseBase:
    """
    Send an account's entries of some days, oldest first, with the running balance.

    :raises NotFound: there is none, or not for this reader.
    :raises MissingCapability: the reader may not take history away.
    """
    actor, now = access.actor(request), clock.now()
    row = books.account(code, reader=actor)
    since, until = days_of(request.POST)
    last = books.last_entry()
    filters = {name: day.isoformat() for name, day in (("since", since), ("until", until)) if day}
    operations.record_ledger_export(of=row.code, filters={**filters, "last": str(last)}, actor=actor, now=now)
    lines = books.whole_statement(row, span=span_of(since, until), last=last)
    return _sent(_entries(row, lines), f"account-{row.code.replace(':', '-')}", now)


@require_POST
@console("ledger.view")
def balance(request: HttpRequest) -> HttpResponseBase:
    """
    Send the trial balance of a time.

    :raises NotFound: the reader serves some counterparties only.
    :raises MissingCapability: the reader may not take history away.
    """
    actor, now = access.actor(request), clock.now()
    require_whole_desk(actor)
    at = instant_of(request.POST.get("at", ""), now=now)
    operations.record_ledger_export(of="trial-balance", filters={"at": at.isoformat()}, actor=actor, now=now)
    return _sent(_balances(trial_balance.as_of(at, now=now), at), "trial-balance", now)


def _sent(lines: Iterator[str], name: str, now: datetime) -> HttpResponseBase:
    response = StreamingHttpResponse(lines, content_type=CSV)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{now:%Y%m%d-%H%M%S}.csv"'
    return response


def _entries(of: LedgerAccount, lines: Iterator[Line]) -> Iterator[str]:
    yield sheets.line(ENTRY_COLUMNS)
    for line in lines:
        entry, journal = line.entry, line.entry.journal
        yield sheets.line(
            (
                entry.pk,
                journal.created_at,
                journal.key,
                journal.kind,
                journal.subject,
                "posted" if entry.layer == books.POSTED else "held",
                line.amount,
                line.running,
                of.asset_id,
            )
        )


def _balances(balances: list[AssetBalance], at: datetime) -> Iterator[str]:
    yield sheets.line(BALANCE_COLUMNS)
    for one in balances:
        rows = [(row.kind, row.accounts, row.sides) for row in one.rows]
        for kind, number, sides in [*rows, ("total", sum(row.accounts for row in one.rows), one.total)]:
            amounts = (sides.debit, sides.credit, sides.held_debit, sides.held_credit)
            yield sheets.line((at, one.unit.code, kind, number, *amounts))
