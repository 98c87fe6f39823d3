"""A worker killed with `kill -9` between accept and settlement: every trade settles, each once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from settlement.models import Journal, Settlement, SimulatedTransaction, Transfer, TransferAttempt
from tests import factories
from users.models import AuditEvent

TRADES = 6
KILLS = 4
PATIENCE = 60


def test_database_url() -> str:
    """The address of the test database, for another process."""
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


test_database_url.__test__ = False  # type: ignore[attr-defined]


@contextmanager
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "manage.py", "worker", "--queues", "money,default"]
    environment = os.environ | {"DATABASE_URL": test_database_url(), "DATABASE_OWNER_URL": ""}
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)


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
        with worker() as running:
            wait_for(lambda before=before: steps() > before)  # type: ignore[misc]
            time.sleep(0.2 * number)  # a different place each time: signing, sending, following, posting
            running.send_signal(signal.SIGKILL)
    assert settled() < TRADES, "the kills came too late to prove anything"
    with worker():
        wait_for(lambda: settled() == TRADES)

    assert Transfer.objects.count() == TransferAttempt.objects.count() == TRADES
    assert SimulatedTransaction.objects.count() == TRADES
    assert set(SimulatedTransaction.objects.values_list("tx_hash", flat=True)) == set(
        TransferAttempt.objects.values_list("tx_hash", flat=True)
    )
    assert Journal.objects.filter(kind="delivery").count() == TRADES
    assert {fill.settlement.ref for fill in fills} == set(
        Journal.objects.filter(kind="delivery").values_list("subject", flat=True)
    )
