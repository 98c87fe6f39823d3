"""What the database refuses about withdrawals, whoever asks and by whichever way."""

from datetime import timedelta
from typing import Any

import pytest

from settlement import ledger, operations
from settlement.models import BankAccount, Transfer
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.taking_out import approved, ask, ask_usdt, by_hand, sent, signed
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.money import USDT
from users.models import Counterparty, User

TWO = "only by a request that two people carried"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="10000", usdt="10000")


@pytest.fixture
def bank(market: Market) -> BankAccount:
    return factories.account(market.client, label="Main")


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def test_nothing_is_asked_for_past_the_rules(market: Market, bank: BankAccount) -> None:
    with refused("MN25"):
        by_hand(market, bank)
    for account in (factories.account(market.meridian), factories.asked_account(market.client, "NL91ABNA0417164300")):
        with refused("MN20"):
            by_hand(market, account)
    with refused("withdrawal_positive"):
        by_hand(market, bank, amount=0)
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())
    with refused("MN21"):
        by_hand(market, bank)


def test_nothing_goes_out_past_the_rules(market: Market, bank: BankAccount, olga: User) -> None:
    row = ask(market)
    with refused(f"MN22 .*{TWO}"):
        sql("update settlement_withdrawal set status = 'approved'")
    with refused("has no step requested>confirmed"):
        sql("update settlement_withdrawal set status = 'confirmed', sent_at = now()")
    with refused("MN25"):
        sql("update settlement_withdrawal set status = 'cancelled', reason = 'X'")
    approved(row)
    with refused("withdrawal_sent_by_bank"):
        sql("update settlement_withdrawal set status = 'sent'")
    with refused("MN25"):
        sql("update settlement_withdrawal set status = 'sent', bank_reference = 'X'")
    with refused("withdrawal_paid_on_chain"):
        sql("update settlement_withdrawal set status = 'paying'")
    operations.record_sent(ref=row.ref, bank_reference="OUT", actor=olga, now=clock.now())
    with refused(f"MN24 .*{TWO}"):
        sql("update settlement_withdrawal set status = 'returned', return_reference = 'X'")
    with refused("MN23"):
        sql("update settlement_withdrawal set bank_reference = 'other'")


def test_what_was_asked_for_is_frozen(market: Market, bank: BankAccount) -> None:
    ask(market)
    changes = (
        "amount = 1",
        "fee = 1",
        "account_id = null",
        "client_id = client_id + 1",
        "asset_id = 'USDT'",
        "key = 'x'",
    )
    for change in changes:
        with refused("may only change"):
            sql(f"update settlement_withdrawal set {change}")  # noqa: S608 - the test's own words
    with refused("never changed or removed|permission denied"):
        sql("delete from settlement_withdrawal")


def test_nothing_counts_as_executed_without_its_effect(market: Market, bank: BankAccount, olga: User) -> None:
    row = ask(market)
    request = factories.propose("withdrawal.approve", row.ref, **signed(row))
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    other = sent(ask(market), olga)
    request = factories.propose("withdrawal.return", other.ref, return_reference="BACK")
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])


def test_a_transfer_pays_what_was_approved_once(market: Market) -> None:
    row = approved(ask_usdt(market))
    values: dict[str, Any] = {
        "withdrawal": row,
        "wallet": market.wallet,
        "to_address": market.address.address,
        "amount_minor": 4_000_000_000,
        "nonce": 77,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    }
    for change in ({"amount_minor": 4_000_000_001}, {"to_address": "mine"}):
        with refused("MN26"):
            Transfer.objects.create(**(values | change))
    settlement = factories.fill(market).settlement
    of_both = {"settlement": settlement, "amount_minor": ledger.minor(settlement.base_amount, USDT)}
    with refused("transfer_of_one"):
        Transfer.objects.create(**(values | of_both))
    with refused("transfer_withdrawal_one_alive"):
        Transfer.objects.create(**values)
        Transfer.objects.create(**(values | {"nonce": 78, "generation": 2}))
    row.move("paying", at=clock.now())
    row.move("needs_review", at=clock.now(), reason="doubted")
    with refused("MN26"):
        Transfer.objects.create(**values)


def test_nobody_approves_what_they_proposed(market: Market, bank: BankAccount) -> None:
    row = ask(market)
    first, _second = factories.founders()
    request = factories.propose("withdrawal.approve", row.ref, **signed(row))
    with refused("DC23"):
        execute_by_hand(request, first)
    assert timedelta(hours=24) == request.expires_at - request.created_at
