"""A halt and the bytes on their way: nothing is sent that it did not allow or does not name."""

import threading
import time as real_time
from collections.abc import Callable
from datetime import timedelta

import pytest

from settlement import operations, tasks, wallets
from settlement.models import Transfer, TransferAttempt
from settlement.operations.sending import SEND_WITHIN
from settlement.wallets.base import Answer
from tests import factories, jobs
from tests.concurrency.threads import in_thread
from tests.factories import Market
from tests.factories.many import quoted
from tests.fakes.wallet import FakeWallet
from tests.settlement.conftest import MovingClock
from trading.lib import clock
from users.models import AuditEvent

CONNECTIONS, PAYMENTS = 8, 48


class Watched(FakeWallet):
    """Says of each payment that is sent whether the halt had returned when it began."""

    halted: threading.Event
    late: list[bytes]
    pause = 0.0
    hold: Callable[[], object] | None = None

    def broadcast(self, raw: bytes) -> Answer:
        """Send, as slowly as told."""
        if self.halted.is_set():
            self.late.append(raw)
        real_time.sleep(self.pause)
        if hold := type(self).hold:
            hold()
        return super().broadcast(raw)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    Watched.begin()
    Watched.halted, Watched.late, Watched.pause, Watched.hold = threading.Event(), [], 0.0, None
    monkeypatch.setitem(wallets.PORTS, "simulated", Watched)
    return Watched


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def signed(market: Market, number: int = 1) -> list[Transfer]:
    for quote in quoted(market, number, to=market.address):
        tasks.pay(settlement_id=factories.accept(quote, market.tara).settlement_id)
    jobs.clear()
    return list(Transfer.objects.filter(status="signed").order_by("pk"))


def halt() -> list[str]:
    """What it says was on its way."""
    operations.halt_transfers(actor=factories.founders()[0], reason=factories.REASON, now=clock.now())
    sending: list[str] = AuditEvent.objects.filter(name="transfers.halted").latest("pk").after["sending"]
    return sending


def test_halt_does_not_wait_for_the_node_and_names_what_is_on_its_way(market: Market, watched: type[Watched]) -> None:
    payment, other = signed(market, 2)
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go_on.wait(30)

    watched.hold = hold
    sending = in_thread(lambda: tasks.broadcast(transfer_id=payment.pk))
    assert begun.wait(30)

    assert halt() == [payment.ref]
    assert sending.is_running
    tasks.broadcast(transfer_id=other.pk)

    go_on.set()
    sending.result()
    assert list(Transfer.objects.order_by("pk").values_list("status", flat=True)) == ["broadcast", "signed"]
    assert jobs.arguments("settlement.broadcast") == [{"transfer_id": other.pk}]
    assert not TransferAttempt.objects.exclude(sending_since=None).exists()


def test_what_begins_after_the_halt_is_what_the_halt_names(market: Market, watched: type[Watched]) -> None:
    payments = signed(market, PAYMENTS)
    watched.pause = 0.01

    def send(mine: list[Transfer]) -> None:
        for payment in mine:
            tasks.broadcast(transfer_id=payment.pk)

    parts = [payments[each::CONNECTIONS] for each in range(CONNECTIONS)]
    running = [in_thread(lambda mine=mine: send(mine)) for mine in parts]  # type: ignore[misc]
    while len(watched.sent) < PAYMENTS // 4:
        real_time.sleep(0.005)
    sending = halt()
    watched.halted.set()
    for thread in running:
        thread.result(60)

    refs = dict(TransferAttempt.objects.values_list("tx_hash", "transfer__ref"))
    late = {refs[watched_hash(raw)] for raw in watched.late}
    assert late <= set(sending)
    sent = {refs[watched_hash(raw)] for raw in watched.sent}
    assert set(sending) <= sent
    unsent = set(Transfer.objects.filter(status="signed").values_list("ref", flat=True))
    assert unsent == set(refs.values()) - sent
    assert len(unsent) > 0
    assert len(jobs.arguments("settlement.broadcast")) == len(unsent)


def watched_hash(raw: bytes) -> str:
    return TransferAttempt.objects.get(raw=raw).tx_hash


def test_permission_that_is_too_old_is_asked_for_again(
    market: Market, watched: type[Watched], time: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (payment,) = signed(market)
    decode = Watched.decode

    def slow(self: Watched, raw: bytes) -> object:
        time.advance(SEND_WITHIN / timedelta(seconds=1) + 1)
        return decode(self, raw)

    with monkeypatch.context() as slower:
        slower.setattr(Watched, "decode", slow)
        tasks.broadcast(transfer_id=payment.pk)

    assert watched.sent == []
    assert payment.attempts.get().sending_since is None
    assert jobs.arguments("settlement.broadcast") == [{"transfer_id": payment.pk}]

    tasks.broadcast(transfer_id=payment.pk)
    assert len(watched.sent) == 1


def test_payment_whose_sender_died_is_named_too(market: Market, watched: type[Watched]) -> None:
    (payment,) = signed(market)

    def die() -> None:
        raise KeyboardInterrupt

    watched.hold = die
    with pytest.raises(KeyboardInterrupt):
        tasks.broadcast(transfer_id=payment.pk)

    assert halt() == [payment.ref]
    watched.hold = None
    tasks.broadcast(transfer_id=payment.pk)
    assert payment.attempts.get().sending_since is not None  # asked for again later, and still not known
    assert Transfer.objects.get().status == "signed"


def test_payment_that_is_over_is_not_permitted(market: Market, watched: type[Watched]) -> None:
    (payment,) = signed(market)
    operations.record_mismatch(transfer_id=payment.pk, reason="node_refused", now=clock.now())

    tasks.broadcast(transfer_id=payment.pk)

    assert watched.sent == []
