"""What people do by hand, with LPs and to the ledger: more steps of the random desk, each with its oracle."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from settlement import operations, tasks
from settlement.ledger import InsufficientBalance
from settlement.models import BankAccount, LpPayment, Wallet
from settlement.operations import Netting
from settlement.operations.lp_payments import MoreThanOwed, NothingOwed
from settlement.own_acts.by_hand import NothingToPay
from tests import factories
from tests.factories import Market
from tests.probes import sql
from tests.properties.desk import EURO, Model, Trade, amount
from tests.settlement import chain
from trading.lib import clock
from users.models import Counterparty, User

some = st.integers(min_value=0, max_value=50)
parts = st.sampled_from([1, 2])


def pick(rows: Any, number: int) -> Any:
    """One of them."""
    found = list(rows.order_by("pk"))
    return found[number % len(found)]


def there_is(what: str, *statuses: str) -> Callable[[Any], bool]:
    """Whether the desk has any settlement, withdrawal, deposit or LP payment there."""
    return lambda desk: bool(getattr(desk, f"_{what}")(*statuses).exists())


class ByPeople(RuleBasedStateMachine):
    """Settling by hand, netting with the LP up to any instant, and corrections of the ledger."""

    market: Market
    olga: User
    party: Counterparty
    lp: Counterparty
    bank: BankAccount
    lps_bank: BankAccount
    model: Model
    trades: dict[str, Trade]

    def __init__(self) -> None:
        super().__init__()
        self.cuts: list[tuple[datetime | None, int | None]] = [(None, None)]
        self.netted: dict[str, int | None] = {}

    # --- by hand ---

    @precondition(there_is("settlements", "flagged_off"))
    @rule(number=some)
    def settle_by_hand(self, number: int) -> None:
        settlement = pick(self._settlements("flagged_off"), number)
        trade, ref = self.trades[settlement.ref], settlement.ref
        if trade.sign < 0:
            paid = {"account": self.bank.ref, "bank_reference": factories.unique("HAND")}
            factories.carry("settlement.settle_manually", ref, **paid)
            self.model.delivered(trade, self.model.own("USDT"), fiat_account="bank:EUR")
        elif settlement.pays_on_chain:
            wallet = Wallet.objects.get(pk=self.market.wallet.pk)
            given = chain.payment(settlement, wallet, nonce=wallet.next_nonce)
            asked = operations.ask_payment(ref=ref, transaction=given, actor=self.olga, now=clock.now())
            tasks.check_payment(asked.pk)
            factories.carry("settlement.settle_manually", ref, check=asked.ref, transaction=given)
            self.model.delivered(trade, self.model.hot)
        else:
            with pytest.raises(NothingToPay):
                factories.propose("settlement.settle_manually", ref)

    # --- with the LP, in euros ---

    @rule()
    def remember_the_instant(self) -> None:
        self.cuts.append((sql("select clock_timestamp()"), len(self.model.accrued)))

    @rule(number=some, part=parts)
    def net_with_the_lp(self, number: int, part: int) -> None:
        """All that is open up to an instant, or half of it."""
        until, cut = self.cuts[number % len(self.cuts)]
        left = self._left(cut)
        wanted = None if part == 1 or left < part else amount(left // part, EURO)
        netting = Netting(self.lp.ref, EURO, "out", self.lps_bank.ref, wanted, until)
        key = factories.unique("net")
        if left <= 0:
            with pytest.raises(NothingOwed):
                operations.request_lp_payment(netting=netting, actor=self.olga, key=key, now=clock.now())
            return
        more = Netting(self.lp.ref, EURO, "out", self.lps_bank.ref, amount(left + 1, EURO), until)
        with pytest.raises(MoreThanOwed):
            operations.request_lp_payment(netting=more, actor=self.olga, key=key, now=clock.now())
        made, again = (
            operations.request_lp_payment(netting=netting, actor=self.olga, key=key, now=clock.now()) for _ in range(2)
        )
        assert made == again
        assert made.amount == amount(left // part if wanted is not None else left, EURO)
        self.netted[made.ref] = cut

    @precondition(there_is("lp_payments", "requested"))
    @rule(number=some)
    def pay_the_lp(self, number: int) -> None:
        """Unless less is owed by now: what was netted may be cancelled, reversed or corrected meanwhile."""
        row = pick(self._lp_payments("requested"), number)
        minor = int(row.amount * 100)
        signed: dict[str, Any] = {"amount": f"{row.amount:.2f}", "currency": EURO, "destination": self.lps_bank.ref}
        if minor > self._left(self.netted[row.ref], but=row):
            with pytest.raises(MoreThanOwed):
                factories.propose("lp_payment.approve", row.ref, **signed)
            operations.decline_lp_payment(ref=row.ref, reason=factories.REASON, actor=self.olga, now=clock.now())
            return
        factories.carry("lp_payment.approve", row.ref, **signed)
        reference = factories.unique("LPOUT")
        operations.record_lp_sent(ref=row.ref, bank_reference=reference, actor=self.olga, now=clock.now())
        self.model.with_lp("out", "bank:EUR", minor)

    @precondition(there_is("lp_payments", "sent"))
    @rule(number=some)
    def the_lps_money_comes_back(self, number: int) -> None:
        row = pick(self._lp_payments("sent"), number)
        factories.carry("lp_payment.return", row.ref, return_reference=factories.unique("LPBACK"))
        self.model.with_lp("out", "bank:EUR", -int(row.amount * 100))

    @rule(minor=st.integers(min_value=1, max_value=2_000_000))
    def the_lp_pays(self, minor: int) -> None:
        netting = Netting(self.lp.ref, EURO, "in", "", amount(minor, EURO))
        key = factories.unique("net")
        row = operations.request_lp_payment(netting=netting, actor=self.olga, key=key, now=clock.now())
        came = {"amount": f"{row.amount:.2f}", "currency": EURO, "reference": factories.unique("LPIN")}
        factories.carry("lp_payment.receive", row.ref, **came)
        self.model.with_lp("in", "bank:EUR", -minor)

    # --- the ledger ---

    @rule(minor=st.integers(min_value=1, max_value=300_000), is_debit=st.booleans(), is_lps=st.booleans())
    def correct_the_ledger(self, minor: int, is_debit: bool, is_lps: bool) -> None:  # noqa: FBT001 - drawn
        """A client's account never below its floor; the LP's either way."""
        party = self.lp if is_lps else self.party
        debit, credit = f"{party.kind}:{party.ref}:EUR", "suspense:EUR"
        if not is_debit:
            debit, credit = credit, debit
        terms: dict[str, Any] = {
            "debit": debit,
            "credit": credit,
            "amount": f"{Decimal(minor) / 100:.2f}",
            "evidence": "MAIL-118",
        }
        if is_debit and not is_lps and minor > self.model.room(EURO):
            with pytest.raises(InsufficientBalance):
                factories.propose("ledger.adjust", party.ref, **terms)
            return
        factories.carry("ledger.adjust", party.ref, **terms)
        if is_lps:
            self.model.with_lp("other", "suspense:EUR", minor if is_debit else -minor)
        else:
            self.model.move(debit, credit, minor)

    # --- how it is done ---

    def _settlements(self, *statuses: str) -> Any:
        raise NotImplementedError

    def _lp_payments(self, *statuses: str) -> Any:
        return LpPayment.objects.filter(lp=self.lp, direction="out", status__in=statuses)

    def _left(self, cut: int | None, *, but: LpPayment | None = None) -> int:
        """What the desk owes the LP up to there, less what is asked for already."""
        asked = self._lp_payments("requested").exclude(pk=but.pk if but else None)
        return self.model.owes_lp(cut) - sum(int(row.amount * 100) for row in asked)
