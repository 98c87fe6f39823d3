"""From an accepted trade to money delivered, once."""

import dataclasses
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models import Sum

from settlement import ledger, operations, tasks
from settlement.ledger import Posting
from settlement.models import Balance, Entry, Journal, Settlement, SimulatedTransaction, Transfer, TransferAttempt
from settlement.wallets.base import Broadcast, Payment, Receipt
from tests import factories, jobs
from tests.factories import Market
from tests.fakes.wallet import FakeWallet
from tests.settlement.conftest import MovingClock
from trading.lib import clock
from users.models import AuditEvent

type RunMoney = Callable[..., None]


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def books(*, layer: str = "P") -> dict[str, int]:
    """Every account that is not empty, summed over its entries, debit positive."""
    sums = Entry.objects.filter(layer=layer).values("account__code").annotate(total=Sum("amount")).order_by()
    return {row["account__code"]: int(row["total"]) for row in sums if row["total"]}


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


def assert_books_are_right() -> None:
    """Nothing is out of nothing: zero per asset and layer, nothing held, `fx` empty, the cache is the sum."""
    for layer in ("P", "H"):
        totals = Entry.objects.filter(layer=layer).values("asset").annotate(total=Sum("amount")).order_by()
        assert {row["total"] for row in totals} <= {0}
    assert books(layer="H") == {}
    assert not [code for code in books() if code.startswith("fx:")]
    for balance in Balance.objects.select_related("account"):
        sign = 1 if balance.account.normal == "D" else -1
        assert balance.posted == sign * books().get(balance.account.code, 0)
        assert balance.held == 0


def steps(settlement: Settlement) -> list[str]:
    return list(settlement.transitions.order_by("pk").values_list("to_status", flat=True))


def reason(settlement: Settlement) -> tuple[str, str]:
    settlement.refresh_from_db()
    return settlement.status, settlement.reason


def events(name: str) -> int:
    return AuditEvent.objects.filter(name=name).count()


# --- the whole way ---------------------------------------------------------------------------


def test_buy_is_paid_on_chain_and_settled(market: Market, run_money: RunMoney) -> None:
    fill = factories.fill(market)

    run_money()

    settlement = Settlement.objects.get(pk=fill.settlement_id)
    assert steps(settlement) == ["approved", "paying", "settled"]
    transfer = Transfer.objects.get()
    assert (transfer.status, transfer.amount_minor, transfer.nonce) == ("final", Decimal(10_847_163_466), 0)
    on_chain = SimulatedTransaction.objects.get()
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
        twice(tasks.track, transfer_id=transfer.pk)
    twice(tasks.broadcast, transfer_id=transfer.pk)
    twice(tasks.pay, settlement_id=settlement.pk)

    assert steps(settlement) == ["approved", "paying", "settled"]
    assert (Transfer.objects.count(), TransferAttempt.objects.count(), len(wallet.signed)) == (1, 1, 1)
    assert SimulatedTransaction.objects.count() == 1
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

    market.wallet.paused_at = None
    market.wallet.save(update_fields=["paused_at"])
    assert operations.resume_blocked(now=clock.now()) == 1
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
    assert operations.resume_blocked(now=clock.now()) == 0

    factories.fund(market.wallet, "0.000001")
    assert operations.resume_blocked(now=clock.now()) == 1
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
    assert operations.resume_blocked(now=clock.now()) == 0


# --- what the node says ----------------------------------------------------------------------


@pytest.fixture
def signed(market: Market, wallet: type[FakeWallet]) -> Transfer:
    """A payment signed and stored, not sent."""
    tasks.pay(settlement_id=factories.fill(market).settlement_id)
    return Transfer.objects.get()


def assert_settled_once(transfer: Transfer, wallet: type[FakeWallet]) -> None:
    assert reason(transfer.settlement)[0] == "settled"
    assert len(wallet.signed) == 1
    assert set(wallet.sent) == {bytes(transfer.attempts.get().raw)}
    assert SimulatedTransaction.objects.count() == 1
    assert_books_are_right()


@pytest.mark.parametrize(
    "answers",
    [
        [Broadcast.KNOWN],
        [Broadcast.UNKNOWN, Broadcast.UNKNOWN],
        [Broadcast.UNKNOWN, Broadcast.KNOWN],
        [ConnectionError("reset by peer")],
    ],
    ids=["known", "unknown twice", "unknown, then known", "connection lost"],
)
def test_lost_answers_never_cost_a_second_payment(
    signed: Transfer, run_money: RunMoney, wallet: type[FakeWallet], answers: Sequence[Broadcast | Exception]
) -> None:
    wallet.answers.extend(answers)

    run_money()

    assert_settled_once(signed, wallet)


def test_bytes_that_never_arrived_are_sent_again(
    signed: Transfer, run_money: RunMoney, time: MovingClock, wallet: type[FakeWallet]
) -> None:
    wallet.takes_bytes = False
    tasks.broadcast(transfer_id=signed.pk)
    assert signed.attempts.get().answer == "unknown"

    wallet.takes_bytes = True
    run_money()

    assert_settled_once(signed, wallet)
    assert len(wallet.sent) > 1


def test_refused_bytes_are_reviewed(signed: Transfer, run_money: RunMoney, wallet: type[FakeWallet]) -> None:
    wallet.takes_bytes = False
    wallet.answers.append(Broadcast.REFUSED)

    run_money()

    assert_reviewed(signed, "node_refused")


def test_dropped_payment_is_sent_again_every_half_minute(
    signed: Transfer, time: MovingClock, wallet: type[FakeWallet]
) -> None:
    wallet.takes_bytes = False
    wallet.answers.extend([Broadcast.ACCEPTED] * 10)

    for _ in range(70):
        jobs_of_one_second(signed)
        time.advance(1)

    assert 2 <= len(wallet.sent) <= 4
    assert set(wallet.sent) == {bytes(signed.attempts.get().raw)}
    assert len(wallet.signed) == 1


def jobs_of_one_second(transfer: Transfer) -> None:
    """Do what waits for the transfer now, as the worker would, each job once."""
    waiting = set(jobs.names(queue_name="money"))
    jobs.clear()
    for task in (tasks.broadcast, tasks.track):
        if task.name in waiting:
            task(transfer_id=transfer.pk)


# --- what is not as it was meant -------------------------------------------------------------


def assert_reviewed(transfer: Transfer, why: str) -> None:
    transfer.refresh_from_db()
    assert (transfer.status, transfer.reason) == ("needs_review", why)
    assert reason(transfer.settlement) == ("needs_review", why)
    assert not Journal.objects.filter(kind="delivery").exists()
    assert events("settlement.needs_review") == 1
    assert jobs.names(queue_name="money") == []


def other_amount(payment: Payment) -> Payment:
    return dataclasses.replace(payment, amount_minor=payment.amount_minor * 10)


def other_address(payment: Payment) -> Payment:
    return dataclasses.replace(payment, to_address="thief")


@pytest.mark.parametrize("change", [other_amount, other_address])
def test_wrong_bytes_are_not_sent(
    market: Market, run_money: RunMoney, wallet: type[FakeWallet], change: Callable[[Payment], Payment]
) -> None:
    wallet.changes_payment = change
    factories.fill(market)

    run_money()

    assert wallet.sent == []
    assert_reviewed(Transfer.objects.get(), "signed_bytes_differ")


def pays_another(receipt: Receipt) -> Receipt:
    assert receipt.pays
    return dataclasses.replace(receipt, pays=other_amount(receipt.pays))


def pays_nothing(receipt: Receipt) -> Receipt:
    return dataclasses.replace(receipt, pays=None)


@pytest.mark.parametrize("change", [pays_another, pays_nothing])
def test_another_payment_on_chain_is_reviewed_once(
    signed: Transfer,
    run_money: RunMoney,
    wallet: type[FakeWallet],
    time: MovingClock,
    change: Callable[[Receipt], Receipt],
) -> None:
    wallet.changes_receipt = change
    run_money()

    time.advance(5)
    tasks.track(transfer_id=signed.pk)  # and again: no harm

    assert_reviewed(signed, "chain_shows_another_payment")


def test_reorganised_payment_is_followed_again(
    signed: Transfer, run_money: RunMoney, time: MovingClock, wallet: type[FakeWallet]
) -> None:
    tasks.broadcast(transfer_id=signed.pk)
    time.advance(1.5)
    tasks.track(transfer_id=signed.pk)
    signed.refresh_from_db()
    assert signed.status == "mined"

    wallet.changes_receipt = lambda _receipt: None
    tasks.track(transfer_id=signed.pk)
    signed.refresh_from_db()
    assert (signed.status, signed.reason, signed.block_number) == ("broadcast", "reorg", None)

    wallet.changes_receipt = None
    run_money()
    assert_settled_once(signed, wallet)
