"""Since when an LP's account is uneven: the same by what a job follows as by paying entry after entry."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settlement import ledger, lp_positions, operations, reconciliation
from settlement.ledger import Posting
from settlement.models import Asset, Entry, LpSide
from settlement.operations import open_accounts
from tests import factories, tiers
from tests.factories import Market
from tests.probes import sql
from tests.settlement.test_standings import fold_all
from trading.lib import clock
from trading.lib.money import Unit
from users.models import Counterparty, User

EUR = Unit("EUR", 2)
BOUNDED = settings(
    max_examples=tiers.examples(15, 200), deadline=None, suppress_health_check=list(HealthCheck), database=None
)
amounts = st.integers(min_value=-6, max_value=6).filter(bool)
follows = st.tuples(st.booleans(), st.integers(min_value=1, max_value=5))  # first fold; follow so many entries at most


def move(lp: Counterparty, minor: int) -> None:
    """Debit the LP's account, or credit it."""
    legs = ledger.pair_of(ledger.of(lp, EUR), ledger.desk("fx", EUR), minor)
    with transaction.atomic():
        ledger.post(Posting(factories.unique("side"), "property", "property", legs))


def first_unpaid(lp: Counterparty) -> datetime | None:
    """Pay each entry by the oldest of the other side that are not used up: when the oldest that is left was entered."""
    left: deque[tuple[Decimal, datetime]] = deque()
    entries = Entry.objects.filter(account__counterparty=lp, account__asset="EUR", layer="P").select_related("journal")
    for entry in entries.order_by("pk"):
        amount = entry.amount
        while left and amount and (left[0][0] > 0) != (amount > 0):
            oldest, at = left.popleft()
            amount += oldest
            if amount and (amount > 0) == (oldest > 0):
                left.appendleft((amount, at))
                amount = Decimal(0)
        if amount:
            left.append((amount, entry.journal.created_at))
    return left[0][1] if left else None


def shown(lp: Counterparty, reader: User) -> datetime | None:
    found = lp_positions.positions(reader=reader, now=clock.now())
    return next((one.since for one in found if one.lp == lp and one.asset.code == "EUR"), None)


@BOUNDED
@given(steps=st.lists(amounts | follows, max_size=25))
def check_steps(olga: User, steps: Sequence[int | tuple[bool, int]]) -> None:
    lp = factories.counterparty("lp")
    open_accounts(assets=[Asset.objects.get(code="EUR")], counterparties=[lp])
    for step in steps:
        if isinstance(step, int):
            move(lp, step)
        elif step[0]:
            operations.fold_entries()
        else:
            sql("select settlement_follow_lps(%s)", step[1])
        assert shown(lp, olga) == first_unpaid(lp)


def test_whatever_is_entered_and_followed_in_whatever_order(db: None) -> None:
    factories.market()
    check_steps(factories.user("ops"))

    fold_all()
    assert LpSide.objects.filter(paid__gt=0).exists()
    assert [str(one) for one in reconciliation.reconcile().differences if one.check == "cache"] == []


@pytest.fixture
def market(db: None) -> Market:
    """One trade, followed: the desk owes the LP euros."""
    made = factories.market()
    factories.fill(made)
    fold_all()
    return made


def test_what_is_not_paid_is_found_at_once(market: Market) -> None:
    """However much came since: the first unpaid entry is where reading begins."""
    account = market.meridian.ledger_accounts.get(asset="EUR")
    first, last = account.entries.earliest("pk"), account.entries.latest("pk")

    side = LpSide.objects.get(account=account, side="C")

    assert side.total == -sum(one.amount for one in account.entries.all())
    assert (int(side.paid), side.paid_id) == (0, first.pk - 1)
    assert side.upto >= last.pk


def test_sides_that_somebody_changed_are_found_by_comparing(market: Market, owner: Any) -> None:
    assert [str(one) for one in reconciliation.reconcile().differences] == []

    owner.execute("update settlement_lpside set total = total + 1 where side = 'C' and total > 0")

    found = [str(one) for one in reconciliation.reconcile().differences]
    assert found
    assert all("taken for paid" in one for one in found)


def test_the_desk_itself_cannot_write_them(market: Market) -> None:
    for attempt in (lambda: LpSide.objects.update(paid=0), lambda: LpSide.objects.all().delete()):
        with pytest.raises(ProgrammingError, match="permission denied"):
            attempt()
