"""A worker killed with `kill -9` between accept and settlement: every trade settles, each once."""

import signal
import time

import pytest

from settlement.models import Journal, Settlement, Transfer, TransferAttempt
from tests import factories
from tests.crash.running import process, wait_for
from tests.settlement import chain
from users.models import AuditEvent

TRADES = 6
KILLS = 4
WORKER = ("worker", "--queues", "money,default")


def steps() -> int:
    """How far the payments are, taken together."""
    return AuditEvent.objects.filter(subject_type__in=["settlement", "transfer"]).count()


def settled() -> int:
    return Settlement.objects.filter(status=Settlement.Status.SETTLED).count()


@pytest.mark.processes
def test_killed_worker_neither_loses_nor_repeats_a_payment(db: None) -> None:
    market = factories.market()
    fills = [factories.fill(market) for _ in range(TRADES)]

    for number in range(KILLS):
        before = steps()
        with process(*WORKER) as running:
            wait_for(lambda before=before: steps() > before)  # type: ignore[misc]
            time.sleep(0.2 * number)  # a different place each time: signing, sending, following, posting
            running.send_signal(signal.SIGKILL)
    assert settled() < TRADES, "the kills came too late to prove anything"
    with process(*WORKER):
        wait_for(lambda: settled() == TRADES)

    assert Transfer.objects.count() == TransferAttempt.objects.count() == TRADES
    assert chain.payments().count() == TRADES
    assert set(chain.payments().values_list("tx_hash", flat=True)) == set(
        TransferAttempt.objects.values_list("tx_hash", flat=True)
    )
    assert Journal.objects.filter(kind="delivery").count() == TRADES
    assert {fill.settlement.ref for fill in fills} == set(
        Journal.objects.filter(kind="delivery").values_list("subject", flat=True)
    )
