"""Time that can be moved, and a wallet that misbehaves as told."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from settlement import wallets
from tests import jobs
from tests.fakes.wallet import FakeWallet
from trading.lib import clock


class MovingClock:
    """The desk's clock, ahead of the real one by what was asked for."""

    def __init__(self, real: Callable[[], datetime]) -> None:
        self.real, self.ahead = real, timedelta()

    def __call__(self) -> datetime:
        return self.real() + self.ahead

    def stand_still(self) -> None:
        """Let no time pass but what is asked for: the simulated chain has a block each second of it."""
        now = self.real()
        self.real = lambda: now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    """The clock at the edges of the desk; the database keeps its own."""
    moving = MovingClock(clock.now)
    monkeypatch.setattr(clock, "now", moving)
    return moving


@pytest.fixture
def wallet(monkeypatch: pytest.MonkeyPatch) -> type[FakeWallet]:
    """The port of every simulated wallet."""
    FakeWallet.begin()
    monkeypatch.setitem(wallets.PORTS, "simulated", FakeWallet)
    return FakeWallet


@pytest.fixture
def run_money(time: MovingClock) -> Callable[..., None]:
    """Run the money jobs by the real worker, a second of the desk's clock each round, until none is left."""

    def run(*, rounds: int = 30) -> None:
        for _ in range(rounds):
            jobs.hurry()
            jobs.run_all(queues=["money"])
            if not jobs.names(queue_name="money"):
                return
            time.advance(1)
        pytest.fail(f"still waiting: {jobs.names(queue_name='money')}")

    return run
