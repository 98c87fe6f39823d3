"""Netting up to an instant: what is open of the trades before it, whatever was cancelled, corrected or paid since."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from settlement import lp_positions, operations
from settlement.models import BankAccount, Journal, Settlement
from settlement.operations.lp_payments import MoreThanOwed, open_between
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.lp_paying import approved, came, copy_of, net, owed, sent
from trading.lib import clock
from users.models import User

TRANSACTION = "0x" + "5e" * 32


@pytest.fixture
def market(db: None) -> Market:
    """One trade: the client bought for 10,000 EUR, so the desk owes the LP euros and the LP owes USDT."""
    made = factories.market()
    factories.fill(made)
    return made


@pytest.fixture
def bank(market: Market) -> BankAccount:
    return factories.account(market.meridian, label="LP's own")


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


@pytest.fixture
def anybody(owner: Any) -> Iterator[None]:
    """Anybody may reverse a journal, whole or in part: the netting does not rely on who may."""
    owner.execute("alter table settlement_journal disable trigger reversing_guard")
    owner.execute("alter table settlement_journal disable trigger reversed_exactly")
    yield
    owner.execute("alter table settlement_journal enable trigger reversing_guard")
    owner.execute("alter table settlement_journal enable trigger reversed_exactly")


def posted(key: str, code: str, minor: int, *, kind: str = "correction", subject: str = "", reverses: str = "") -> None:
    """Any journal on an account, against `fx`: what an operation that is not there yet would post."""
    entries = [{"account": code, "layer": "P", "amount": minor}, {"account": "fx:EUR", "layer": "P", "amount": -minor}]
    journal: dict[str, Any] = {
        "key": key,
        "kind": kind,
        "subject": subject or key,
        "input_hash": "ab",
        "entries": entries,
    }
    if reverses:
        journal["reverses"] = Journal.objects.get(key=reverses).pk
    sql("select * from settlement_post(%s::jsonb)", json.dumps([journal]))


def euros_of(market: Market) -> str:
    return f"lp:{market.meridian.ref}:EUR"


def trade_of(market: Market, number: int = 0) -> Any:
    return Settlement.objects.order_by("pk")[number]


def test_trade_cancelled_after_the_cut_is_not_paid(market: Market, bank: BankAccount, olga: User) -> None:
    factories.fill(market)
    one, cut = owed(market) / 2, clock.now()
    row = approved(net(market, olga, way=bank.ref, until=cut))
    factories.carry("settlement.cancel", trade_of(market).ref)

    assert open_between(market.meridian, market.eur, "out", until=cut, but=row) == one
    with pytest.raises(MoreThanOwed):
        operations.record_lp_sent(ref=row.ref, bank_reference="X", actor=olga, now=clock.now())
    with refused("MN37"):
        copy_of(row, amount=one + Decimal("0.01"), status="requested").save(force_insert=True)


@pytest.mark.parametrize("how", ["subject", "reverses", "reversal of a reversal", "unknown"])
def test_whatever_undoes_a_trade_of_before_counts(market: Market, how: str, anybody: None) -> None:
    before, cut, code = owed(market), clock.now(), euros_of(market)
    accrual = Journal.objects.get(kind="accrual")
    if how == "subject":
        posted("undo", code, 100_00, subject=accrual.subject)
    elif how == "reverses":
        posted("undo", code, 100_00, kind="reversal", reverses=accrual.key)
    elif how == "unknown":
        posted("undo", code, 100_00)
    else:
        posted("undo", code, 300_00, kind="reversal", reverses=accrual.key)
        posted("undo it", code, -200_00, kind="reversal", reverses="undo")

    assert open_between(market.meridian, market.eur, "out", until=cut) == before - 100 == owed(market)


@pytest.mark.parametrize("how", ["subject", "reverses", "unknown"])
def test_what_undoes_a_trade_of_later_adds_nothing(market: Market, how: str, anybody: None) -> None:
    """The client sold later, so the LP owes euros; undoing that gives the desk no more to pay for before."""
    before, cut, code = owed(market), clock.now(), euros_of(market)
    factories.fill(market, side="sell", price="0.91")
    accrual = Journal.objects.filter(kind="accrual").latest("pk")
    if how == "unknown":
        posted("undo", code, -100_00)
    else:
        posted("undo", code, -100_00, **{"subject": accrual.subject} if how == "subject" else {"reverses": accrual.key})

    assert open_between(market.meridian, market.eur, "out", until=cut) == before
    assert open_between(market.meridian, market.eur, "in", until=cut) <= -before


def test_what_the_lp_paid_for_later_trades_is_not_paid_back(market: Market, bank: BankAccount, olga: User) -> None:
    factories.account(None)
    before, cut = owed(market), clock.now()
    factories.fill(market, side="sell", price="0.91")
    row = net(market, olga, "in", amount=Decimal(9000))
    factories.carry("lp_payment.receive", row.ref, **came(row, "9000"))

    assert open_between(market.meridian, market.eur, "out", until=cut) == before
    out = sent(net(market, olga, way=bank.ref, until=cut), olga)
    assert out.amount == before
    assert open_between(market.meridian, market.eur, "out", until=cut) == 0
    factories.carry("lp_payment.return", out.ref, return_reference="BACK")
    assert open_between(market.meridian, market.eur, "out", until=cut) == before


def test_what_the_lp_owed_and_has_paid_is_not_asked_for_again(market: Market, olga: User) -> None:
    cut, owes = clock.now(), -owed(market, "USDT")
    row = net(market, olga, "in", "USDT", market.wallet.name, until=cut)
    assert row.amount == owes
    factories.carry("lp_payment.receive", row.ref, **came(row, str(owes + 5), TRANSACTION))

    assert open_between(market.meridian, market.usdt, "in", until=cut) == -5
    assert open_between(market.meridian, market.usdt, "out", until=cut) == 0
    assert open_between(market.meridian, market.usdt, "out") == 5


def test_since_when_is_that_of_the_oldest_trade_left(market: Market, bank: BankAccount, olga: User) -> None:
    factories.fill(market)
    factories.fill(market)
    accruals = list(Journal.objects.filter(kind="accrual").order_by("pk"))

    def since() -> Any:
        found = lp_positions.positions(reader=olga, now=clock.now())
        return next(one.since for one in found if one.asset == market.eur)

    assert since() == accruals[0].created_at
    one = owed(market) / 3
    sent(net(market, olga, way=bank.ref, amount=one), olga)
    assert since() == accruals[1].created_at
    sent(net(market, olga, way=bank.ref, amount=one + 1), olga, "OUT-2")
    assert since() == accruals[2].created_at
