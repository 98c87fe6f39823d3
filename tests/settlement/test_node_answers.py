"""What the node says, and what the chain shows: never a second payment, never a wrong one unnoticed."""

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from settlement import tasks
from settlement.models import Journal, Transfer
from settlement.wallets.base import Broadcast, Payment, Receipt
from tests import factories, jobs
from tests.factories import Market
from tests.fakes.wallet import FakeWallet
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, events, reason
from tests.settlement.conftest import MovingClock

type RunMoney = Callable[..., None]


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


# --- what the node says ----------------------------------------------------------------------


@pytest.fixture
def signed(market: Market, wallet: type[FakeWallet]) -> Transfer:
    """A payment signed and stored, not sent."""
    tasks.pay(settlement_id=factories.fill(market).settlement_id)
    return Transfer.objects.get()


def assert_settled_once(transfer: Transfer, wallet: type[FakeWallet]) -> None:
    assert transfer.settlement is not None
    assert reason(transfer.settlement)[0] == "settled"
    assert len(wallet.signed) == 1
    assert set(wallet.sent) == {bytes(transfer.attempts.get().raw)}
    assert chain.payments().count() == 1
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
    chain.transaction(signed.wallet, "sim:somebody-else", 1, nonce=signed.nonce)

    run_money()

    assert_reviewed(signed, "node_refused")
    signed.wallet.refresh_from_db()
    assert signed.wallet.paused_at is not None  # whoever used the nonce may use the next one
    assert events("wallet.paused") == 1


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
    if tasks.send.name in waiting:
        tasks.send(wallet_id=transfer.wallet_id)
    if tasks.broadcast.name in waiting:
        tasks.broadcast(transfer_id=transfer.pk)
    if tasks.track.name in waiting:
        tasks.track(wallet_id=transfer.wallet_id)


# --- what is not as it was meant -------------------------------------------------------------


def assert_reviewed(transfer: Transfer, why: str) -> None:
    transfer.refresh_from_db()
    assert (transfer.status, transfer.reason) == ("needs_review", why)
    assert transfer.settlement is not None
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
    tasks.track(wallet_id=signed.wallet_id)  # and again: no harm

    assert_reviewed(signed, "chain_shows_another_payment")


def test_reorganised_payment_is_followed_again(
    signed: Transfer, run_money: RunMoney, time: MovingClock, wallet: type[FakeWallet]
) -> None:
    tasks.broadcast(transfer_id=signed.pk)
    time.advance(1.5)
    tasks.track(wallet_id=signed.wallet_id)
    signed.refresh_from_db()
    assert signed.status == "mined"

    wallet.changes_receipt = lambda _receipt: None
    tasks.track(wallet_id=signed.wallet_id)
    signed.refresh_from_db()
    assert (signed.status, signed.reason, signed.block_number) == ("broadcast", "reorg", None)

    wallet.changes_receipt = None
    run_money()
    assert_settled_once(signed, wallet)
