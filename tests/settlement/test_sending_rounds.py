"""What a wallet signed is sent and followed in rounds: all of it at once, and none of it in the way of the others."""

from collections.abc import Callable

import pytest

from settlement import operations, tasks
from settlement.models import Transfer, TransferAttempt
from settlement.wallets.base import Broadcast, Receipt
from tests import factories, jobs
from tests.concurrency.threads import in_thread, locked
from tests.factories import Market
from tests.factories.many import quoted
from tests.fakes.wallet import FakeWallet
from tests.settlement.books import assert_books_are_right
from tests.settlement.conftest import MovingClock
from trading.lib import clock

NUMBER = 3


@pytest.fixture
def signed(db: None, wallet: type[FakeWallet]) -> list[Transfer]:
    """Payments of one wallet, signed and stored, not sent."""
    market: Market = factories.market()
    for quote in quoted(market, NUMBER, to=market.address):
        tasks.pay(settlement_id=factories.accept(quote, market.tara).settlement_id)
    return list(Transfer.objects.select_related("settlement").order_by("nonce"))


def raw_of(transfer: Transfer) -> bytes:
    return bytes(transfer.attempts.get().raw)


def statuses() -> list[str]:
    return list(Transfer.objects.order_by("nonce").values_list("status", flat=True))


def wallet_of(transfers: list[Transfer]) -> int:
    return transfers[0].wallet_id


def test_one_job_sends_all_that_is_signed_in_the_order_of_nonces(
    signed: list[Transfer], wallet: type[FakeWallet]
) -> None:
    assert jobs.arguments("settlement.send") == [{"wallet_id": wallet_of(signed)}]

    tasks.send(wallet_id=wallet_of(signed))

    assert wallet.sent == [raw_of(transfer) for transfer in signed]
    assert statuses() == ["broadcast"] * NUMBER
    assert jobs.arguments("settlement.track") == [{"wallet_id": wallet_of(signed)}]
    tasks.send(wallet_id=wallet_of(signed))
    assert len(wallet.sent) == NUMBER


def test_permission_leaves_the_job_that_asks_the_chain_whatever_becomes_of_the_sender(signed: list[Transfer]) -> None:
    permitted = operations.permit_sending(wallet_id=wallet_of(signed), now=clock.now())

    assert permitted == [transfer.pk for transfer in signed]
    assert jobs.arguments("settlement.track") == [{"wallet_id": wallet_of(signed)}]
    assert operations.permit_sending(wallet_id=wallet_of(signed), now=clock.now()) == []


def test_what_was_permitted_and_never_heard_of_is_sent_again_once_the_chain_was_asked(
    signed: list[Transfer], wallet: type[FakeWallet], time: MovingClock
) -> None:
    operations.permit_sending(wallet_id=wallet_of(signed), now=clock.now())  # and the sender dies
    jobs.clear()

    tasks.track(wallet_id=wallet_of(signed))
    assert jobs.names(task_name="settlement.broadcast") == []  # it may be on its way this moment
    time.advance(6)
    tasks.track(wallet_id=wallet_of(signed))

    assert jobs.arguments("settlement.broadcast") == [{"transfer_id": transfer.pk} for transfer in signed]
    for transfer in signed:
        tasks.broadcast(transfer_id=transfer.pk)
    assert wallet.sent == [raw_of(transfer) for transfer in signed]
    assert len(wallet.signed) == NUMBER


def test_payment_that_somebody_holds_does_not_hold_up_the_others(
    signed: list[Transfer], wallet: type[FakeWallet]
) -> None:
    jobs.clear()
    assert signed[0].settlement is not None
    with locked(signed[0].settlement):
        in_thread(lambda: tasks.send(wallet_id=wallet_of(signed))).result(60)
        assert wallet.sent == [raw_of(transfer) for transfer in signed[1:]]
    assert jobs.arguments("settlement.send") == [{"wallet_id": wallet_of(signed)}]

    tasks.send(wallet_id=wallet_of(signed))

    assert wallet.sent[-1] == raw_of(signed[0])
    assert statuses() == ["broadcast"] * NUMBER


def test_each_of_a_round_has_its_own_answer(signed: list[Transfer], wallet: type[FakeWallet]) -> None:
    wallet.answers.extend([Broadcast.ACCEPTED, Broadcast.UNKNOWN, Broadcast.KNOWN])

    tasks.send(wallet_id=wallet_of(signed))

    assert statuses() == ["broadcast", "signed", "broadcast"]
    attempts = TransferAttempt.objects.order_by("pk")
    assert [attempt.answer for attempt in attempts] == ["accepted", "unknown", "known"]
    assert [attempt.sending_since is None for attempt in attempts] == [True, False, True]


def test_payment_that_cannot_be_recorded_does_not_hold_up_the_others(
    signed: list[Transfer], wallet: type[FakeWallet], time: MovingClock, run_money: Callable[..., None]
) -> None:
    tasks.send(wallet_id=wallet_of(signed))
    time.advance(60)
    first = signed[0].attempts.get().tx_hash

    def unreadable(receipt: Receipt) -> Receipt:
        if receipt.tx_hash != first:
            return receipt
        raise_later = object.__new__(Receipt)  # without any of its fields
        object.__setattr__(raise_later, "tx_hash", first)
        return raise_later

    wallet.changes_receipt = unreadable
    jobs.clear()
    with pytest.raises(ExceptionGroup, match="1 payments were not followed"):
        tasks.track(wallet_id=wallet_of(signed))

    assert statuses() == ["broadcast", "final", "final"]
    assert jobs.arguments("settlement.track") == [{"wallet_id": wallet_of(signed)}]
    wallet.changes_receipt = None
    run_money()
    assert statuses() == ["final"] * NUMBER
    assert_books_are_right()


def test_nothing_is_written_where_the_chain_has_nothing_new(signed: list[Transfer], time: MovingClock) -> None:
    tasks.send(wallet_id=wallet_of(signed))
    before = list(Transfer.objects.order_by("pk").values())

    tasks.track(wallet_id=wallet_of(signed))

    assert list(Transfer.objects.order_by("pk").values()) == before
    assert jobs.names(task_name="settlement.broadcast") == []
    assert jobs.arguments("settlement.track") == [{"wallet_id": wallet_of(signed)}]


def test_lost_jobs_are_made_up_for_within_a_minute(
    signed: list[Transfer], run_money: Callable[..., None], wallet: type[FakeWallet]
) -> None:
    jobs.clear()  # as a database put back without its queue

    tasks.wake_wallets(timestamp=0)
    run_money()

    assert statuses() == ["final"] * NUMBER
    assert len(wallet.sent) == NUMBER
    assert_books_are_right()
    tasks.wake_wallets(timestamp=0)
    assert jobs.names(queue_name="money") == []
