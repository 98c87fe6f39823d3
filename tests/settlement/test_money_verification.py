"""The verification of the evidence finds destinations, deposits and withdrawals that no two people carried."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import operations, verification
from settlement.operations import Receipt, Wish
from tests import factories
from tests.factories import Market
from tests.settlement import chain
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


def test_wallet_that_pays_again_by_nobodys_decision_is_found(market: Market, owner: Any) -> None:
    name = market.wallet.name
    operations.pause_wallet(wallet_id=market.wallet.pk, reason="difference", now=clock.now())
    assert unreconciled() == []
    owner.execute("alter table settlement_wallet disable trigger user")
    owner.execute("update settlement_wallet set paused_at = null, pause_reason = ''")

    assert unreconciled() == [f"{name}: pays again without a request that two people carried"]

    owner.execute("alter table settlement_wallet enable trigger user")
    operations.pause_wallet(wallet_id=market.wallet.pk, reason="difference", now=clock.now())
    chain.resume(market.wallet)
    assert unreconciled() == []


def test_limits_of_wallets_that_nobody_signed_are_found(market: Market, owner: Any) -> None:
    factories.wallet_limits("tron", largest="5", daily="7.5")
    assert unreconciled() == []
    owner.execute("alter table settlement_walletpolicy disable trigger user")

    owner.execute("update settlement_walletpolicy set limits = '{}' where version = 2")

    assert unreconciled() == ["limits of wallets v2: hold without a request that two people carried"]
