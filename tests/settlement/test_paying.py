"""From an accepted trade to money delivered, once."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import transaction

from settlement import ledger, operations, tasks
from settlement.ledger import Posting
from settlement.models import Balance, Journal, Settlement, Transfer, TransferAttempt
from tests import factories
from tests.factories import Market
from tests.fakes.wallet import FakeWallet
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, books, events, reason, steps
from tests.settlement.conftest import MovingClock
from trading.lib import clock

type RunMoney = Callable[..., None]


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def opening(market: Market) -> dict[str, int]:
    return {
        "bank:EUR": 100_000_000,
        "bank:USDT": 1_000_000_000_000,
        f"client:{market.client.ref}:EUR": -100_000_000,
        f"client:{market.client.ref}:USDT": -1_000_000_000_000,
        market.wallet.account.code: 10_000_000_000_000,
        "capital:USDT": -10_000_000_000_000,
    }


def changed(market: Market) -> dict[str, int]:
    """What the trade changed in the books, with short names."""
    before, after = opening(market), books()
    names = {market.client.ref: "client", market.meridian.ref: "lp"}
    differences = {code: after.get(code, 0) - before.get(code, 0) for code in before | after}
    return {
        names[code.split(":")[1]] + ":" + code.split(":")[2] if code.count(":") > 1 else code.split(":hot-")[0]: moved
        for code, moved in differences.items()
        if moved
    }


# --- the whole way ---------------------------------------------------------------------------


def test_buy_is_paid_on_chain_and_settled(market: Market, run_money: RunMoney) -> None:
    fill = factories.fill(market)

    run_money()

    settlement = Settlement.objects.get(pk=fill.settlement_id)
    assert steps(settlement) == ["approved", "paying", "settled"]
    transfer = Transfer.objects.get()
    assert (transfer.status, transfer.amount_minor, transfer.nonce) == ("final", Decimal(10_847_163_466), 0)
    on_chain = chain.payments().get()
    assert (on_chain.to_address, on_chain.amount_minor) == (market.address.address, Decimal(10_847_163_466))
    assert changed(market) == {
        "client:EUR": 1_000_000,  # pays 10,000.00
        "lp:EUR": -997_939,  # is owed 10,847.163466 at 0.92
        "lp:USDT": 10_847_163_466,  # and owes the USDT
        "revenue:EUR": -2_061,  # 19 bps of price, to the nearest cent
        "hot": -10_847_163_466,
    }
    assert_books_are_right()
    assert (events("settlement.paying"), events("settlement.settled")) == (1, 1)


def test_buy_to_balance_settles_without_a_transfer(market: Market, run_money: RunMoney) -> None:
    fill = factories.fill(market, to_balance=True)

    run_money()

    assert steps(fill.settlement) == ["approved", "settled"]
    assert not Transfer.objects.exists()
    assert changed(market) == {
        "client:EUR": 1_000_000,
        "client:USDT": -10_847_163_466,
        "lp:EUR": -997_939,
        "lp:USDT": 10_847_163_466,
        "revenue:EUR": -2_061,
    }
    assert_books_are_right()


def test_sell_credits_fiat_and_takes_the_usdt(market: Market, run_money: RunMoney) -> None:
    rfq = factories.rfq(market, side="sell", amount="777.77", unit="USDT")
    fill = factories.accept(factories.quote(rfq, market.leo, "0.9213"), market.tara)

    run_money()

    assert fill.price == Decimal("0.9194")  # 0.9213 * 0.998 = 0.9194574, down
    assert steps(fill.settlement) == ["approved", "settled"]
    assert changed(market) == {
        "client:EUR": -71_508,  # 777.77 * 0.9194 = 715.081738, down
        "client:USDT": 777_770_000,
        "lp:EUR": 71_656,  # 777.77 * 0.9213 = 716.559501, to the nearest
        "lp:USDT": -777_770_000,
        "revenue:EUR": -148,  # 777.77 * 0.0019 = 1.477763, to the nearest
    }
    assert_books_are_right()


def test_rounding_has_a_leg_of_its_own_when_the_client_buys(market: Market, run_money: RunMoney) -> None:
    rfq = factories.rfq(market, side="buy", amount="100.1", unit="USDT", to_balance=True)
    factories.accept(factories.quote(rfq, market.leo, "0.9213"), market.tara)

    run_money()

    moved = changed(market)
    assert moved["client:EUR"] == 9_242  # 100.1 * 0.9232 = 92.41232, up
    assert moved["lp:EUR"] == -9_222  # 100.1 * 0.9213 = 92.22213, to the nearest
    assert moved["revenue:EUR"] == -19  # 100.1 * 0.0019 = 0.19019, to the nearest
    assert moved["rounding:EUR"] == -1
    assert_books_are_right()


def test_rounding_has_a_leg_of_its_own_when_the_client_sells(market: Market, run_money: RunMoney) -> None:
    rfq = factories.rfq(market, side="sell", amount="100.01", unit="USDT")
    factories.accept(factories.quote(rfq, market.leo, "0.9213"), market.tara)

    run_money()

    moved = changed(market)
    assert moved["client:EUR"] == -9_194  # 100.01 * 0.9194 = 91.949194, down
    assert moved["lp:EUR"] == 9_214  # 100.01 * 0.9213 = 92.139213, to the nearest
    assert moved["revenue:EUR"] == -19  # 100.01 * 0.0019 = 0.190019, to the nearest
    assert moved["rounding:EUR"] == -1
    assert_books_are_right()


def test_many_trades_leave_the_books_right(market: Market, run_money: RunMoney) -> None:
    for number, side in enumerate(["buy", "sell", "buy", "sell"]):
        rfq = factories.rfq(market, side=side, amount=f"{333 + number}.37", to_balance=number == 0)
        factories.accept(factories.quote(rfq, market.leo, f"0.91{number}7"), market.tara)

    run_money(rounds=20)

    assert set(Settlement.objects.values_list("status", flat=True)) == {"settled"}
    assert_books_are_right()


def test_every_job_run_twice_pays_once(market: Market, time: MovingClock, wallet: type[FakeWallet]) -> None:
    settlement = factories.fill(market).settlement

    def twice(task: Callable[..., None], **ids: int) -> None:
        task(**ids)
        task(**ids)

    twice(tasks.pay, settlement_id=settlement.pk)
    transfer = Transfer.objects.get()
    twice(tasks.broadcast, transfer_id=transfer.pk)
    for _ in range(4):
        time.advance(1)
        twice(tasks.track, wallet_id=transfer.wallet_id)
    twice(tasks.broadcast, transfer_id=transfer.pk)
    twice(tasks.pay, settlement_id=settlement.pk)

    assert steps(settlement) == ["approved", "paying", "settled"]
    assert (Transfer.objects.count(), TransferAttempt.objects.count(), len(wallet.signed)) == (1, 1, 1)
    assert chain.payments().count() == 1
    assert Journal.objects.filter(kind="delivery").count() == 1
    assert events("settlement.settled") == 1
    assert_books_are_right()


# --- stopped before anything is signed -------------------------------------------------------


def test_flag_off_after_the_accept_signs_nothing(market: Market, run_money: RunMoney, wallet: type[FakeWallet]) -> None:
    settlement = factories.fill(market).settlement
    operations.turn_flag_off(actor=factories.user("ops"), reason="for a test", now=clock.now())

    run_money()

    assert reason(settlement) == ("flagged_off", "auto_settlement_off")
    assert (wallet.signed, Transfer.objects.count()) == ([], 0)
    assert market.wallet.next_nonce == 0
    assert events("settlement.flagged_off") == 1


def test_flag_off_stops_what_needs_no_chain_as_well(market: Market, run_money: RunMoney) -> None:
    settlement = factories.fill(market, side="sell").settlement
    operations.turn_flag_off(actor=factories.user("ops"), reason="for a test", now=clock.now())

    run_money()

    assert reason(settlement) == ("flagged_off", "auto_settlement_off")
    assert not Journal.objects.filter(kind="delivery").exists()


def test_no_open_wallet_blocks_and_one_resumes(market: Market, run_money: RunMoney) -> None:
    settlement = factories.fill(market).settlement
    market.wallet.paused_at = clock.now()
    market.wallet.save(update_fields=["paused_at"])
    tasks.pay(settlement_id=settlement.pk)
    assert reason(settlement) == ("blocked", "no_wallet")

    chain.resume(market.wallet)
    tasks.resume_blocked(timestamp=0)
    run_money()

    assert steps(settlement) == ["approved", "blocked", "approved", "paying", "settled"]
    assert_books_are_right()


def empty(market: Market, left: int) -> None:
    """Leave so many minor units in the wallet."""
    account = market.wallet.account.code
    taken = int(Balance.objects.get(account__code=account).posted) - left
    with transaction.atomic():
        ledger.post(Posting("sweep", "sweep", "sweep", ledger.pair_of("capital:USDT", account, taken)))


def test_low_wallet_blocks_and_funding_resumes_what_it_covers(market: Market, run_money: RunMoney) -> None:
    first, second = factories.fill(market).settlement, factories.fill(market).settlement
    empty(market, left=10_847_163_465)
    for settlement in (first, second):
        tasks.pay(settlement_id=settlement.pk)
        assert reason(settlement) == ("blocked", "wallet_low")
    tasks.resume_blocked(timestamp=0)
    assert reason(first) == ("blocked", "wallet_low")

    factories.fund(market.wallet, "0.000001")
    tasks.resume_blocked(timestamp=0)
    assert (reason(first)[0], reason(second)[0]) == ("approved", "blocked")
    run_money()

    assert reason(first)[0] == "settled"
    assert reason(second) == ("blocked", "wallet_low")
    assert steps(second) == ["approved", "blocked"]


def test_address_revoked_after_the_trade_is_not_paid(market: Market, wallet: type[FakeWallet]) -> None:
    settlement = factories.fill(market).settlement
    market.address.revoked_at = clock.now()
    market.address.save(update_fields=["revoked_at"])

    tasks.pay(settlement_id=settlement.pk)

    assert reason(settlement) == ("blocked", "address_not_usable")
    assert wallet.signed == []
    tasks.resume_blocked(timestamp=0)
    assert steps(settlement) == ["approved", "blocked"]
