"""Withdrawals and accepts against one balance from sixteen connections, for seconds: never below the floor."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

import pytest

from rfq import operations as rfq_operations
from rfq.models import Fill, Quote
from settlement import operations
from settlement.models import Balance, Settlement, Withdrawal
from settlement.operations import Wish
from tests import factories
from tests.concurrency.threads import PATIENCE, at_once
from tests.factories import Market, unique
from tests.factories.many import quoted
from tests.probes import sql
from tests.settlement.books import books
from trading.lib import clock
from trading.lib.errors import DeskError

SECONDS, TAKERS, LEAVERS, CANCELLERS = 6, 7, 6, 2  # and one who looks at the balance: sixteen connections
QUOTES_EACH, CREDIT = 60, "500"
type Told = Counter[str]


@pytest.fixture(params=["", CREDIT], ids=["no credit line", "with a credit line"])
def market(db: None, request: pytest.FixtureRequest) -> Market:
    made = factories.market(eur="3000")
    if request.param:
        factories.credit(made.client, request.param)
    return made


def balance(market: Market) -> Balance:
    return Balance.objects.get(account__counterparty=market.client, account__asset="EUR")


def deadlocks() -> int:
    """As the server counts them; a session's count is there a moment after it has ended."""
    time.sleep(1)
    sql("select pg_stat_clear_snapshot()")
    return int(sql("select deadlocks from pg_stat_database where datname = current_database()"))


class Until:
    """
    What each does until time is over: one act after the other, and the codes of what was refused.

    On a slow machine it is not over before all that is looked for has come at least once.
    """

    def __init__(self, seconds: float, awaited: set[str]) -> None:
        self._end = time.monotonic() + seconds
        self._latest = self._end + PATIENCE
        self._missing = set(awaited)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > (self._latest if self._missing else self._end)

    def repeat(self, acts: Iterator[Callable[[], object]]) -> Told:
        told: Told = Counter()
        while not self.is_over and (act := next(acts, None)):
            name = self._outcome(act)
            told[name] += 1
            self._missing.discard(name)
        return told

    def _outcome(self, act: Callable[[], object]) -> str:
        try:
            return type(act()).__name__
        except DeskError as refusal:
            return refusal.code if refusal.sentence else "wordless"


def accepts(market: Market, quotes: list[Quote]) -> Iterator[Callable[[], object]]:
    for quote in quotes:
        yield partial(
            rfq_operations.accept_quote, quote_ref=quote.ref, actor=market.tara, key=quote.ref, now=clock.now()
        )


def withdrawals(market: Market, to: str) -> Iterator[Callable[[], object]]:
    while True:
        wish, key = Wish("EUR", Decimal("70.01"), to), unique("withdrawal")
        yield partial(operations.request_withdrawal, wish=wish, actor=market.tara, key=key, now=clock.now())


def cancellations(market: Market) -> Iterator[Callable[[], object]]:
    """The newest first, which others may be about to cancel, too; what is free again is fought for."""
    while True:
        open_ = Withdrawal.objects.filter(status="requested").order_by("-pk").values_list("ref", flat=True).first()
        if open_:
            yield partial(operations.cancel_withdrawal, ref=open_, actor=market.tara, now=clock.now())
        yield partial(time.sleep, 0.2)


def lowest(market: Market, until: Until) -> Told:
    """How low it was, in cents above the floor, whenever somebody looked."""
    seen: Told = Counter()
    while not until.is_over:
        row = balance(market)
        seen["below"] += int(row.posted - row.held + row.credit) < 0
        seen["looks"] += 1
        time.sleep(0.01)
    return seen


def test_one_balance_is_never_overdrawn_and_every_loser_is_told(market: Market) -> None:
    to = factories.account(market.client).ref
    quotes = quoted(market, TAKERS * QUOTES_EACH, amount="130.07")
    before, until = deadlocks(), Until(SECONDS, {"Fill", "Withdrawal", "insufficient_balance"})

    outcomes = at_once(
        [
            *(partial(until.repeat, accepts(market, quotes[each::TAKERS])) for each in range(TAKERS)),
            *(partial(until.repeat, withdrawals(market, to)) for _each in range(LEAVERS)),
            *(partial(until.repeat, cancellations(market)) for _each in range(CANCELLERS)),
            partial(lowest, market, until),
        ]
    )

    assert [one for one in outcomes if not isinstance(one, Counter)] == []
    told = sum((one for one in outcomes if isinstance(one, Counter)), Counter[str]())
    row = balance(market)
    assert deadlocks() == before
    assert told["looks"] > 10
    assert told["below"] == 0
    assert set(told) <= {"Fill", "Withdrawal", "NoneType", "looks", "insufficient_balance", "illegal_transition"}
    assert told["Fill"] == Fill.objects.count() > 0
    assert told["Withdrawal"] > Withdrawal.objects.count() > 0, "some were cancelled"
    assert told["insufficient_balance"] > 0
    # To the cent: what is held is what was taken, as cache and as the sum of the entries.
    requested = sum(Withdrawal.objects.filter(status="requested").values_list("amount", flat=True), Decimal(0))
    traded = sum(Settlement.objects.values_list("quote_amount", flat=True), Decimal(0))
    assert row.held == (requested + traded) * 100 == -books(layer="H")[row.account.code]
    assert row.posted == 3_000_00
    assert row.posted - row.held + row.credit >= 0
