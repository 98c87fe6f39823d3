"""The verification of the evidence finds destinations, deposits and withdrawals that no two people carried."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import operations, verification
from settlement.operations import Receipt, Wish
from tests import factories
from tests.factories import Market
from trading.lib import clock


@pytest.fixture
def market(db: None) -> Market:
    """Whatever can be carried was, and a small deposit was credited by one."""
    market = factories.market(eur="10000")
    olga = factories.user("ops")
    account = factories.account(market.client)
    now = clock.now()
    for number, amount in enumerate((Decimal(50_000), Decimal(5))):
        receipt = Receipt("EUR", amount, f"BANK-{number}", client=market.client.ref)
        made = operations.record_deposit(receipt=receipt, actor=olga, key=f"{number}", now=now)
        if made.status == "received":
            details = {"amount": f"{amount:.2f}", "bank_reference": f"BANK-{number}", "client": market.client.ref}
            factories.carry("deposit.confirm", made.ref, **details)
    wish = Wish("EUR", Decimal(5), account.ref)
    row = operations.request_withdrawal(wish=wish, actor=market.tara, key="one", now=now)
    factories.carry("withdrawal.approve", row.ref, amount="5.00", currency="EUR", destination=account.ref)
    operations.turn_flag_off(actor=olga, reason=factories.REASON, now=now)
    sale = factories.fill(market, side="sell").settlement
    paid = {"account": account.ref, "bank_reference": "BANK-9"}
    factories.carry("settlement.settle_manually", sale.ref, **paid)
    return market


def unreconciled() -> list[str]:
    return [f"{one.where}: {one.what}" for one in verification.check()]


def test_money_with_a_history_is_sound(market: Market) -> None:
    assert unreconciled() == []


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        ("settlement_payoutaddress", "address = 'mine'", "is an approved address without"),
        ("settlement_payoutaddress", "usable_from = now() - interval '1 day'", "is an approved address without"),
        ("settlement_bankaccount", "number = 'MINE'", "is an approved bank account without"),
        ("settlement_deposit", "amount = 60000", "was credited without"),
        ("settlement_manualpayment", "reference = 'mine'", "was settled by hand without"),
        ("settlement_settlement", "status = 'flagged_off'", "was settled by hand without"),
        ("settlement_withdrawal", "amount = 6", "goes out without"),
        ("settlement_withdrawal", "account_id = null, address_id = (select id from settlement_payoutaddress)", "goes"),
    ],
)
def test_tampering_past_the_triggers_is_found(market: Market, owner: Any, table: str, change: str, says: str) -> None:
    owner.execute(f"alter table {table} disable trigger user")
    owner.execute(f"update {table} set {change}")  # noqa: S608 - the test's own words
    owner.execute(f"alter table {table} enable trigger user")

    assert any(says in one for one in unreconciled())
