"""
Money in, through and out of the desk in any order: the ledger is what a model of it in plain Python says.

After each step `reconcile` finds nothing, every asset sums to zero, and no client is below its floor. A few runs in the
gate; many in the long run.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from settlement import autosettle, operations, reconciliation, tasks
from settlement.ledger import InsufficientBalance
from settlement.models import Balance, Deposit, PayoutAddress, Settlement, Transfer, Withdrawal
from settlement.operations import Receipt, Terms, Wish
from settlement.operations.reversing import ReversalNotCovered
from settlement.own_acts.credit import CreditInUse
from tests import factories, jobs, tiers
from tests.factories import REASON
from tests.properties.desk import EURO, USDT, Model, Trade, amount
from tests.properties.people import ByPeople, pick, some, there_is
from tests.properties.test_ledger import assert_zero_sum
from tests.settlement.books import books
from trading.lib import clock
from users.models import Counterparty

HOW_MUCH = settings(
    max_examples=tiers.examples(5, 60),
    stateful_step_count=tiers.examples(25, 60),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=not tiers.IS_LONG,
)
STEP = timedelta(seconds=4)  # after which the simulated chain is sure of a payment
cents = st.integers(min_value=1, max_value=3_000_000)
sides = st.sampled_from([1, -1])
OPEN = ("awaiting_funds", "flagged_off", "awaiting_approval", "approved", "blocked")
euros = st.sampled_from([True, False])


class Desk(ByPeople):
    """One client, one LP and one wallet; people who decide what takes two; a clock that can be moved."""

    ahead: timedelta

    def __init__(self) -> None:
        super().__init__()
        market = type(self).market
        party, self.lp = factories.counterparty(), factories.counterparty("lp")
        operations.open_accounts(assets=[market.usdt, market.eur], counterparties=[party, self.lp])
        self.tara = factories.user("trader", of=party)
        self.party: Counterparty = self.tara.counterparty or party
        self.bank, self.lps_bank = factories.account(party), factories.account(self.lp)
        self.address: PayoutAddress = factories.address(party)
        self.model = Model(party.ref, self.lp.ref, market.wallet.account.code)
        self.before = {layer: Counter(books(layer=layer)) for layer in ("P", "H")}
        self.trades: dict[str, Trade] = {}
        jobs.clear()

    @initialize()
    def begin_with_money_and_the_flag_on(self) -> None:
        if not autosettle.is_set(autosettle.FLAG):
            factories.turn_flag_on()
        self.deposit(minor=1_500_000)
        self.deposit_usdt(minor=15 * 10**9)

    # --- money comes in ---

    @rule(minor=cents)
    def deposit(self, minor: int) -> None:
        self._receive(minor, client=self.party.ref)
        self.model.move("bank:EUR", self.model.own(EURO), minor)

    @rule(minor=cents)
    def deposit_of_nobody(self, minor: int) -> None:
        made = self._receive(minor, client="")
        self.model.move("bank:EUR", "suspense:EUR", minor)
        signed = {"client": self.party.ref, "amount": f"{made.amount:.2f}", "bank_reference": made.bank_reference}
        factories.carry("deposit.confirm", made.ref, **signed)
        self.model.move("suspense:EUR", self.model.own(EURO), minor)

    @rule(minor=st.integers(min_value=1, max_value=3 * 10**10))
    def deposit_usdt(self, minor: int) -> None:
        factories.deposit(self.party, self.market.usdt, f"{amount(minor, USDT)}")
        self.model.move("bank:USDT", self.model.own(USDT), minor)

    @precondition(there_is("deposits", "credited"))
    @rule(number=some)
    def send_a_deposit_back(self, number: int) -> None:
        deposit = pick(self._deposits("credited"), number)
        minor = int(deposit.amount * 100)
        request = factories.propose("deposit.return", deposit.ref, return_reference=factories.unique("BACK"))
        is_done = factories.decide(request).status == "executed"
        assert is_done == (minor <= self.model.has(EURO) - self.model.holds(EURO))
        if is_done:
            self.model.move(self.model.own(EURO), "bank:EUR", minor)

    @rule(minor=st.integers(min_value=0, max_value=2_000_000), in_euros=euros)
    def change_the_credit_line(self, minor: int, in_euros: bool) -> None:  # noqa: FBT001 - drawn
        asset, credit = (EURO, minor) if in_euros else (USDT, minor * 10_000)
        used = self.model.holds(asset) - self.model.has(asset)
        if credit == self.model.credit[asset]:
            return  # it holds already
        wanted = f"{amount(credit, asset)}"
        self._refused_when(used > credit, lambda: factories.credit(self.party, wanted, asset), CreditInUse)
        if used <= credit:
            self.model.credit[asset] = credit

    # --- trades ---

    @rule(
        sign=sides,
        quote=st.integers(min_value=100, max_value=2_000_000),
        spread=st.integers(min_value=0, max_value=99),
        markup=st.integers(min_value=0, max_value=99),
        on_chain=st.booleans(),
    )
    def trade(self, sign: int, quote: int, spread: int, markup: int, on_chain: bool) -> None:  # noqa: FBT001 - drawn
        lp_quote = quote - sign * spread
        trade = Trade(sign, base=quote * 10_869 + 7, quote=quote, lp_quote=lp_quote, markup=markup)
        asset, given = trade.given
        terms = Terms(
            trade_ref=factories.unique("FIL"),
            client=self.party,
            lp=self.lp,
            side="buy" if sign > 0 else "sell",
            base_amount=amount(trade.base, USDT),
            quote_asset=self.market.eur,
            quote_amount=amount(quote, EURO),
            lp_quote_amount=amount(lp_quote, EURO),
            markup_amount=amount(markup, EURO),
            price=Decimal("0.92"),
            destination=self.address if on_chain and sign > 0 else None,
        )
        made: list[Settlement] = []

        def accept() -> None:
            with transaction.atomic():
                made.append(operations.open_settlement(terms=terms, now=clock.now()))

        self._refused_when(given > self.model.room(asset), accept, InsufficientBalance)
        if made:
            self.trades[made[0].ref] = trade
            self.model.traded(trade)
            is_covered = self.model.has(asset) >= self.model.holds(asset)
            assert (made[0].status == "awaiting_funds") == (not is_covered)

    @precondition(there_is("settlements", "awaiting_funds"))
    @rule()
    def let_go_on_what_is_covered(self) -> None:
        tasks.fund_waiting(self.party.pk)

    @precondition(there_is("settlements", "approved"))
    @rule(number=some)
    def pay(self, number: int) -> None:
        settlement = pick(self._settlements("approved"), number)
        trade = self.trades[settlement.ref]
        tasks.pay(settlement.pk)
        settlement.refresh_from_db()
        if settlement.status == "settled":
            self.model.delivered(trade, self.model.own(USDT))
        elif settlement.status == "paying":
            self.model.hold_hot(trade.base)

    @precondition(there_is("settlements", "paying"))
    @rule(number=some)
    def see_it_final(self, number: int) -> None:
        settlement = pick(self._settlements("paying"), number)
        trade = self.trades[settlement.ref]
        self._finalise(settlement.transfers.get().pk)
        settlement.refresh_from_db()
        assert settlement.status == "settled"
        self.model.hold_hot(-trade.base)
        self.model.delivered(trade, self.model.hot)

    @precondition(there_is("settlements", *OPEN))
    @rule(number=some)
    def cancel(self, number: int) -> None:
        settlement = pick(self._settlements(*OPEN), number)
        factories.carry("settlement.cancel", settlement.ref)
        self.model.traded(self.trades[settlement.ref], undone=True)

    @precondition(lambda desk: desk._between_balances().exists())
    @rule(number=some)
    def take_it_back(self, number: int) -> None:
        settlement = pick(self._between_balances(), number)
        trade = self.trades[settlement.ref]
        asset, minor = (USDT, trade.base) if trade.sign > 0 else (EURO, trade.quote)
        carry = partial(factories.carry, "fill.reverse", settlement.ref, evidence="MAIL-2026-118")
        self._refused_when(minor > self.model.room(asset), carry, ReversalNotCovered)
        settlement.refresh_from_db()
        if settlement.status == "reversed":
            self.model.reversed_(trade)

    @precondition(there_is("settlements", "flagged_off"))
    @rule(number=some)
    def release(self, number: int) -> None:
        settlement = pick(self._settlements("flagged_off"), number)
        operations.release_settlement(ref=settlement.ref, actor=self.olga, reason=REASON, now=clock.now())

    @rule()
    def flip_the_flag(self) -> None:
        if autosettle.is_set(autosettle.FLAG):
            operations.turn_flag_off(actor=self.olga, reason=REASON, now=clock.now())
            operations.sweep(now=clock.now())
        else:
            factories.turn_flag_on()

    # --- money goes out ---

    @rule(minor=cents, in_euros=euros, is_let_out=st.booleans())
    def ask_for_money(self, minor: int, in_euros: bool, is_let_out: bool) -> None:  # noqa: FBT001 - drawn
        asset = EURO if in_euros else USDT
        wanted = minor if in_euros else minor * 10_000
        wish = Wish(asset, amount(wanted, asset), self.bank.ref if in_euros else self.address.ref)
        key = factories.unique("wish")
        made: list[Withdrawal] = []

        def ask() -> None:
            once, again = (
                operations.request_withdrawal(wish=wish, actor=self.tara, key=key, now=clock.now()) for _ in range(2)
            )
            assert once == again
            made.append(once)

        is_too_much = wanted > self.model.free(asset)
        self._refused_when(is_too_much, ask, InsufficientBalance)
        if not is_too_much:
            self.model.hold(asset, wanted)
            if is_let_out:
                self._let_out(made[0])

    @precondition(there_is("withdrawals", "requested"))
    @rule(number=some)
    def let_it_out(self, number: int) -> None:
        self._let_out(pick(self._withdrawals("requested"), number))

    @precondition(there_is("withdrawals", "approved"))
    @rule(number=some)
    def send_it(self, number: int) -> None:
        row = pick(self._withdrawals("approved"), number)
        minor = self._minor(row)
        if row.account is not None:
            reference = factories.unique("OUT")
            operations.record_sent(ref=row.ref, bank_reference=reference, actor=self.olga, now=clock.now())
            self.model.hold(EURO, -minor)
            self.model.move(self.model.own(EURO), "bank:EUR", minor)
            return
        tasks.pay_out(row.pk)
        row.refresh_from_db()
        if row.status == "paying":
            self.model.hold_hot(minor)

    @precondition(there_is("withdrawals", "paying"))
    @rule(number=some)
    def see_it_arrive(self, number: int) -> None:
        row = pick(self._withdrawals("paying"), number)
        self._finalise(row.transfers.get().pk)
        row.refresh_from_db()
        assert row.status == "confirmed"
        minor = self._minor(row)
        self.model.hold_hot(-minor)
        self.model.hold(USDT, -minor)
        self.model.move(self.model.own(USDT), self.model.hot, minor)

    @precondition(there_is("withdrawals", "requested", "approved"))
    @rule(number=some, by_desk=st.booleans())
    def call_it_off(self, number: int, by_desk: bool) -> None:  # noqa: FBT001 - drawn
        row = pick(self._withdrawals("requested", "approved"), number)
        if by_desk or row.status == "approved":
            operations.decline_withdrawal(ref=row.ref, reason=REASON, actor=self.olga, now=clock.now())
        else:
            operations.cancel_withdrawal(ref=row.ref, actor=self.tara, now=clock.now())
        self.model.hold(row.asset_id, -self._minor(row))

    @precondition(there_is("withdrawals", "sent"))
    @rule(number=some)
    def it_comes_back(self, number: int) -> None:
        row = pick(self._withdrawals("sent"), number)
        factories.carry("withdrawal.return", row.ref, return_reference=factories.unique("BACK"))
        self.model.move("bank:EUR", self.model.own(EURO), self._minor(row))

    # --- what always holds ---

    @invariant()
    def the_books_are_the_models(self) -> None:
        for layer, expected in self.model.books().items():
            now, before = books(layer=layer), self.before[layer]
            moved = {code: now.get(code, 0) - before[code] for code in {*now, *before}}
            assert {code: minor for code, minor in moved.items() if minor} == expected

    @invariant()
    def nothing_is_below_its_floor(self) -> None:
        for balance in Balance.objects.select_related("account").filter(account__counterparty=self.party):
            asset = balance.account.asset_id
            assert (int(balance.posted), int(balance.held)) == (self.model.has(asset), self.model.holds(asset))
            assert balance.held >= 0
            assert balance.posted - balance.held >= -self.model.credit[asset]

    @invariant()
    def reconcile_finds_nothing(self) -> None:
        assert_zero_sum()
        assert reconciliation.reconcile().differences == []

    # --- how it is done ---

    def _let_out(self, row: Withdrawal) -> None:
        to = row.account or row.address
        assert to is not None
        signed = {"amount": f"{row.amount:.{row.asset.scale}f}", "currency": row.asset_id, "destination": to.ref}
        factories.carry("withdrawal.approve", row.ref, **signed)

    def _receive(self, minor: int, *, client: str) -> Deposit:
        receipt = Receipt("EUR", amount(minor, EURO), factories.unique("IN"), client=client)
        return operations.record_deposit(
            receipt=receipt, actor=self.olga, key=factories.unique("deposit"), now=clock.now()
        )

    def _deposits(self, *statuses: str) -> Any:
        return Deposit.objects.filter(client=self.party, status__in=statuses)

    def _settlements(self, *statuses: str) -> Any:
        return Settlement.objects.filter(client=self.party, status__in=statuses)

    def _between_balances(self) -> Any:
        return self._settlements("settled").filter(destination=None)

    def _withdrawals(self, *statuses: str) -> Any:
        rows = Withdrawal.objects.filter(client=self.party, status__in=statuses)
        return rows.select_related("asset", "account", "address")

    def _minor(self, row: Withdrawal) -> int:
        return int((row.amount + row.fee) * 10**row.asset.scale)

    def _finalise(self, transfer_id: int) -> None:
        tasks.broadcast(transfer_id)
        type(self).ahead += STEP
        tasks.track(Transfer.objects.get(pk=transfer_id).wallet_id)

    def _refused_when(self, is_refused: bool, act: Callable[[], object], error: type[Exception]) -> None:  # noqa: FBT001 - a predicate
        if is_refused:
            with pytest.raises(error):
                act()
        else:
            act()


def prepared(monkeypatch: pytest.MonkeyPatch) -> type[Desk]:
    """A market without money, a wallet that has on chain what the ledger says, somebody of operations."""
    real = clock.now

    def ahead() -> datetime:
        return real() + Desk.ahead

    Desk.ahead = timedelta()
    monkeypatch.setattr(clock, "now", ahead)
    Desk.market = factories.market(eur="0", usdt="0")
    Desk.olga = factories.user("ops")
    factories.account(None)
    Desk.ahead += STEP
    return Desk


def test_the_books_hold_whatever_the_desk_does(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    run(prepared(monkeypatch), settings=HOW_MUCH)

    assert Deposit.objects.exists()
