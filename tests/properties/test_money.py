"""Whatever is deposited, asked for, sent and sent back in whatever order: nothing from nothing, nothing held twice."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from settlement import operations
from settlement.ledger import InsufficientBalance
from settlement.models import Balance, Deposit, Withdrawal
from settlement.operations import Receipt, Wish
from tests import factories, tiers
from tests.factories import REASON, Market
from tests.properties.test_ledger import assert_zero_sum
from trading.lib import clock

BOUNDED = settings(
    max_examples=tiers.examples(4, 40),
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
cents = st.integers(min_value=1, max_value=4_999_999)  # below the threshold of one person
places = st.integers(min_value=0, max_value=7)
EURO = Decimal(100)


class Money(RuleBasedStateMachine):
    """One client, one euro account, the real operations; a model of what it has and what is held."""

    market: Market
    olga: Any
    account: Any

    def __init__(self) -> None:
        super().__init__()
        row = self.row()
        self.posted, self.held = int(row.posted), int(row.held)

    def row(self) -> Balance:
        return Balance.objects.get(account__code=f"client:{self.market.client.ref}:EUR")

    def pick(self, place: int, **states: object) -> Any:
        found = list(Withdrawal.objects.filter(**states).order_by("pk"))
        return found[place % len(found)] if found else None

    @rule(minor=cents)
    def deposit(self, minor: int) -> None:
        receipt = Receipt("EUR", minor / EURO, factories.unique("BANK"), client=self.market.client.ref)
        key = factories.unique("key")
        for _ in range(2):  # written down twice: booked once
            operations.record_deposit(receipt=receipt, actor=self.olga, key=key, now=clock.now())
        self.posted += minor

    @rule(minor=cents)
    def ask(self, minor: int) -> None:
        wish, key = Wish("EUR", minor / EURO, self.account.ref), factories.unique("key")

        def request() -> object:
            return operations.request_withdrawal(wish=wish, actor=self.market.tara, key=key, now=clock.now())

        if minor > self.posted - self.held:
            with pytest.raises(InsufficientBalance):
                request()
            return
        assert request() == request()
        self.held += minor

    @rule(place=places, by_client=st.booleans())
    def let_go(self, place: int, *, by_client: bool) -> None:
        row = self.pick(place, status="requested")
        if row is None:
            return
        end: Callable[..., object] = operations.cancel_withdrawal if by_client else operations.decline_withdrawal
        more = {"actor": self.market.tara} if by_client else {"actor": self.olga, "reason": REASON}
        end(ref=row.ref, now=clock.now(), **more)
        self.held -= int(row.amount * EURO)

    @rule(place=places)
    def send(self, place: int) -> None:
        row = self.pick(place, status="requested")
        if row is None:
            return
        details = {"amount": f"{row.amount:.2f}", "currency": "EUR", "destination": self.account.ref}
        factories.carry("withdrawal.approve", row.ref, **details)
        reference = factories.unique("OUT")
        operations.record_sent(ref=row.ref, bank_reference=reference, actor=self.olga, now=clock.now())
        self.posted -= int(row.amount * EURO)
        self.held -= int(row.amount * EURO)

    @rule(place=places)
    def comes_back(self, place: int) -> None:
        row = self.pick(place, status="sent")
        if row is not None:
            factories.carry("withdrawal.return", row.ref, return_reference=factories.unique("BACK"))
            self.posted += int(row.amount * EURO)

    @rule(place=places)
    def goes_back(self, place: int) -> None:
        found = list(Deposit.objects.filter(status="credited").order_by("pk"))
        if not found:
            return
        row = found[place % len(found)]
        minor = int((row.amount or 0) * EURO)
        request = factories.propose("deposit.return", row.ref, return_reference=factories.unique("BACK"))
        is_covered = minor <= self.posted - self.held
        assert factories.decide(request).status == ("executed" if is_covered else "failed")
        self.posted -= minor if is_covered else 0

    @invariant()
    def cache_is_the_sum_and_the_model(self) -> None:
        row = self.row()
        assert (int(row.posted), int(row.held)) == (self.posted, self.held)
        sums = {
            one["layer"]: -one["total"]
            for one in row.account.entries.values("layer").annotate(total=Sum("amount")).order_by()
        }
        assert (sums.get("P", 0), sums.get("H", 0)) == (self.posted, self.held)
        assert 0 <= self.held <= self.posted

    @invariant()
    def everything_is_zero_sum(self) -> None:
        assert_zero_sum()


def test_money_in_and_out_keeps_the_books(db: None) -> None:
    factories.founders()
    factories.withdrawal_limits(daily="999999999")
    Money.market = factories.market(eur="1000", usdt="0")
    Money.olga = factories.user("ops")
    Money.account = factories.account(Money.market.client)

    run_state_machine_as_test(Money, settings=BOUNDED)
