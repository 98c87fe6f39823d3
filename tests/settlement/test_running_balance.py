"""A page of an account's entries says what the account had after each, whatever the page leaves out."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from settlement import books, ledger, operations
from settlement.books import Span
from settlement.models import Entry, LedgerAccount
from tests import factories
from trading.lib import clock
from trading.lib.money import USDT, Money

FIRST, MIDDLE, LAST = Decimal(100), Decimal(20), Decimal(3)
MOVED = "update settlement_journal set created_at = created_at - interval '1 day' where id = %s"


def test_an_entry_between_two_of_the_page_that_is_of_another_day_counts_all_the_same(db: None, owner: Any) -> None:
    client = factories.market(flag_on=False).client
    for amount in (FIRST, MIDDLE, LAST):
        operations.book_deposit(
            counterparty=client, money=Money(amount, USDT), reference=f"R{amount}", actor=None, now=clock.now()
        )
    account = LedgerAccount.objects.select_related("asset", "balance").get(code=ledger.of(client, USDT))
    middle = Entry.objects.filter(account=account).order_by("-pk")[1]
    owner.execute("alter table settlement_journal disable trigger user")
    owner.execute(MOVED, [middle.journal_id])  # as one that began long before it took its number
    owner.execute("alter table settlement_journal enable trigger user")

    last, first = books.statement(account, span=Span(since=clock.now() - timedelta(hours=1))).lines[:2]

    assert (last.amount, first.amount) == (LAST, FIRST)
    assert last.running - first.running == MIDDLE + LAST
