"""`manage.py reconcile` of what people did by hand, with LPs and to the ledger: it agrees; what is planted is found."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from settlement import operations, tasks
from settlement.models import LpPayment, Settlement, Wallet
from settlement.operations import Netting
from tests import factories
from tests.factories import REASON, Market
from tests.settlement import chain
from tests.settlement.test_reconcile import Watch, add, found, plant
from trading.lib import clock

type RunMoney = Callable[..., None]


@dataclass
class Day:
    """Two trades settled by hand; an LP payment that was sent, one that came back, one that came; a correction."""

    market: Market
    sold: Settlement
    bought: Settlement
    sent: LpPayment
    returned: LpPayment
    came: LpPayment
    corrected: str


@pytest.fixture
def day(db: None, run_money: RunMoney) -> Day:
    market = factories.market()
    olga, account, lps = factories.user("ops"), factories.account(market.client), factories.account(market.meridian)
    factories.account(None)
    operations.turn_flag_off(actor=olga, reason=REASON, now=clock.now())
    sold, bought = factories.fill(market, side="sell").settlement, factories.fill(market).settlement
    by_bank = {"account": account.ref, "bank_reference": "HAND-1"}
    factories.carry("settlement.settle_manually", sold.ref, **by_bank)
    given = chain.payment(bought, Wallet.objects.get(pk=market.wallet.pk))
    asked = operations.ask_payment(ref=bought.ref, transaction=given, actor=olga, now=clock.now())
    tasks.check_payment(asked.pk)
    factories.carry("settlement.settle_manually", bought.ref, check=asked.ref, transaction=given)
    factories.turn_flag_on()
    factories.fill(market)
    run_money()

    def net(direction: str, way: str = "") -> LpPayment:
        wish = Netting(market.meridian.ref, "EUR", direction, way, Decimal(100))
        return operations.request_lp_payment(netting=wish, actor=olga, key=factories.unique("n"), now=clock.now())

    sent, returned, came = net("out", lps.ref), net("out", lps.ref), net("in")
    for number, row in enumerate((sent, returned)):
        factories.carry("lp_payment.approve", row.ref, amount="100.00", currency="EUR", destination=lps.ref)
        operations.record_lp_sent(ref=row.ref, bank_reference=f"OUT-{number}", actor=olga, now=clock.now())
    factories.carry("lp_payment.return", returned.ref, return_reference="BACK-1")
    factories.carry("lp_payment.receive", came.ref, amount="99.50", currency="EUR", reference="IN-1")
    terms: dict[str, Any] = {"debit": f"lp:{market.meridian.ref}:EUR", "credit": "suspense:EUR", "amount": "0.50"}
    corrected = factories.carry("ledger.adjust", market.meridian.ref, **terms, evidence="MAIL-118").ref
    changed: tuple[Any, ...] = (sold, bought, sent, returned, came)
    for one in changed:
        one.refresh_from_db()
    return Day(market, sold, bought, sent, returned, came, corrected)


def test_it_agrees_and_whatever_is_planted_is_found(day: Day, owner: Any) -> None:
    rows = (day.sold, day.bought, day.sent, day.returned, day.came)
    assert " ".join(row.status for row in rows) == "settled_manually settled_manually sent returned confirmed"
    assert found() == set()
    watch = Watch()

    def changed(table: str, change: str, ref: str) -> set[tuple[str, str]]:
        plant(owner, f"settlement_{table}", f"update settlement_{table} set {change} where ref = %s", ref)  # noqa: S608
        return watch.new()

    for row, change in (
        (day.sent, "amount = amount + 1"),
        (day.returned, "amount = amount - 1"),
        (day.came, "received = received + 1"),
    ):
        assert changed("lppayment", change, row.ref) == {("amount", row.ref)}
    assert changed("settlement", "base_amount = base_amount + 1", day.bought.ref) == {("terms", day.bought.ref)}
    terms = {("terms", day.sold.ref), ("unexplained", day.sold.ref), ("lacking", day.sold.ref)}
    assert changed("settlement", "status = 'cancelled', settled_at = null", day.sold.ref) == terms
    back = "status = 'sent', return_reference = null"
    assert changed("lppayment", back, day.returned.ref) == {("unexplained", day.returned.ref)}
    returned = "status = 'returned', return_reference = 'BACK-2'"
    assert changed("lppayment", returned, day.sent.ref) == {("lacking", day.sent.ref)}
    add(owner, f"adjust:{day.corrected}", "suspense:EUR", 5)
    assert watch.new() == {("journal", f"adjust:{day.corrected}"), ("asset", "EUR")}
