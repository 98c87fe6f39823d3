"""Whatever is posted in whatever order: nothing comes from nothing, and nothing is held twice."""

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from settlement import ledger
from settlement.ledger import HELD, InsufficientBalance, JournalConflict, Leg, Posting
from settlement.models import Asset, Balance, Entry, Journal, LedgerAccount
from settlement.operations import open_accounts
from tests import factories, tiers
from tests.probes import sql
from trading.lib.money import Unit

UNITS = [Unit("USDT", 6), Unit("EUR", 2)]
BOUNDED = settings(
    max_examples=tiers.examples(12, 120),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
amounts = st.integers(min_value=1, max_value=10**12)


class Books(RuleBasedStateMachine):
    """A client and the desk in two assets; deposits, holds, releases, spending, replays, nonsense."""

    def __init__(self) -> None:
        super().__init__()
        assets = [Asset.objects.get_or_create(code=unit.code, kind="fiat", scale=unit.scale)[0] for unit in UNITS]
        self.client = factories.counterparty()
        open_accounts(assets=assets, counterparties=[self.client])
        self.known: dict[str, tuple[int, int]] = {unit.code: (0, 0) for unit in UNITS}
        self.replays: list[Posting] = []

    def account(self, unit: Unit) -> str:
        return ledger.of(self.client, unit)

    def post(self, legs: tuple[Leg, ...]) -> bool:
        posting = Posting(factories.unique("property"), "property", "property", legs)
        try:
            with transaction.atomic():
                ledger.post(posting)
        except InsufficientBalance:
            return False
        self.replays.append(posting)
        return True

    @rule(unit=st.sampled_from(UNITS), minor=amounts)
    def deposit(self, unit: Unit, minor: int) -> None:
        assert self.post(ledger.pair_of(ledger.desk("bank", unit), self.account(unit), minor))
        posted, held = self.known[unit.code]
        self.known[unit.code] = posted + minor, held

    @rule(unit=st.sampled_from(UNITS), minor=amounts)
    def hold(self, unit: Unit, minor: int) -> None:
        posted, held = self.known[unit.code]
        assert self.post(ledger.hold(self.account(unit), unit, minor)) == (posted >= held + minor)
        if posted >= held + minor:
            self.known[unit.code] = posted, held + minor

    @rule(unit=st.sampled_from(UNITS), minor=amounts)
    def spend(self, unit: Unit, minor: int) -> None:
        posted, held = self.known[unit.code]
        legs = ledger.pair_of(self.account(unit), ledger.desk("fx", unit), minor)
        assert self.post(legs) == (posted - minor >= held)
        if posted - minor >= held:
            self.known[unit.code] = posted - minor, held

    @rule(unit=st.sampled_from(UNITS), part=st.integers(min_value=1, max_value=4))
    def let_go(self, unit: Unit, part: int) -> None:
        posted, held = self.known[unit.code]
        if held // part:
            assert self.post(ledger.hold(self.account(unit), unit, -(held // part)))
            self.known[unit.code] = posted, held - held // part

    @rule(unit=st.sampled_from(UNITS), minor=amounts)
    def let_go_too_much(self, unit: Unit, minor: int) -> None:
        _, held = self.known[unit.code]
        with pytest.raises(DatabaseError, match="held_not_negative"):
            self.post(ledger.hold(self.account(unit), unit, -(held + minor)))

    @rule(unit=st.sampled_from(UNITS), minor=amounts)
    def lose_some(self, unit: Unit, minor: int) -> None:
        with pytest.raises(DatabaseError, match="does not balance"):
            self.post((Leg(ledger.desk("bank", unit), HELD, minor),))

    @rule(number=st.integers(min_value=0))
    def replay(self, number: int) -> None:
        if self.replays:
            posting = self.replays[number % len(self.replays)]
            before = Entry.objects.count()
            with transaction.atomic():
                ledger.post(posting)
            assert Entry.objects.count() == before

    @rule(number=st.integers(min_value=0), unit=st.sampled_from(UNITS), minor=amounts)
    def reuse(self, number: int, unit: Unit, minor: int) -> None:
        if self.replays:
            key = self.replays[number % len(self.replays)].key
            legs = ledger.pair_of(ledger.desk("bank", unit), ledger.desk("suspense", unit), minor)
            with pytest.raises(JournalConflict), transaction.atomic():
                ledger.post(Posting(key, "other", "other", legs))

    @invariant()
    def cache_is_the_sum_and_the_model(self) -> None:
        for unit in UNITS:
            balance = Balance.objects.select_related("account").get(account__code=self.account(unit))
            assert (int(balance.posted), int(balance.held)) == self.known[unit.code]
            sums = {
                row["layer"]: -row["total"]
                for row in balance.account.entries.values("layer").annotate(total=Sum("amount")).order_by()
            }
            assert (sums.get("P", 0), sums.get("H", 0)) == self.known[unit.code]
            assert 0 <= balance.held <= balance.posted

    @invariant()
    def everything_is_zero_sum(self) -> None:
        assert_zero_sum()


def assert_zero_sum() -> None:
    for by in (["asset", "layer"], ["journal", "asset", "layer"]):
        totals = Entry.objects.values(*by).annotate(total=Sum("amount")).order_by()
        assert {row["total"] for row in totals} <= {0}


def test_books_hold_whatever_is_done(db: None) -> None:
    run_state_machine_as_test(Books, settings=BOUNDED)
    assert Journal.objects.exists()


@BOUNDED
@given(minors=st.lists(st.integers(min_value=-(10**9), max_value=10**9).filter(bool), min_size=1, max_size=6))
def test_only_what_sums_to_zero_is_taken(db: None, minors: list[int]) -> None:
    asset, _ = Asset.objects.get_or_create(code="EUR", kind="fiat", scale=2)
    open_accounts(assets=[asset], counterparties=[])
    codes = LedgerAccount.objects.order_by("pk").values_list("code", flat=True)
    legs = tuple(Leg(codes[number], "P", minor) for number, minor in enumerate(minors))
    posting = Posting(factories.unique("sum"), "sum", "sum", legs)

    try:
        with transaction.atomic():
            ledger.post(posting)
    except DatabaseError:
        assert sum(minors) != 0
    else:
        assert sum(minors) == 0
    assert sql("select coalesce(sum(amount), 0) from settlement_entry") == 0
