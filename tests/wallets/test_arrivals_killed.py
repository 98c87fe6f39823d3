"""The watcher killed with `kill -9` after it saw what came, or while it booked it: the next one credits it once."""

import signal
import sys
from pathlib import Path

import pytest

from settlement import tasks
from settlement.models import Balance, Deposit, Journal, Wallet
from tests import factories
from tests.crash import running
from tests.factories import Market
from tests.settlement.books import assert_books_are_right, events
from tests.wallets import node as nodes
from tests.wallets.node import Node
from tests.wallets.test_arrivals import FINAL, MINOR, Sender
from trading.sandbox import chain

pytestmark = pytest.mark.processes

# Dies before the first deposit is booked (`seen`), and before the transaction that booked it commits (`posted`).
WATCHER = """
import os, signal
from settlement import operations, tasks
from users import audit

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

record = audit.record
def record_and_die(name, **more):
    record(name, **more)
    if name == "deposit.credited":
        die()

if "{point}" == "seen":
    operations.book_arrival = die
else:
    audit.record = record_and_die
tasks.watch(timestamp=0)
"""


def test_a_watcher_that_is_killed_leaves_it_to_the_next(
    market: Market, hot: Wallet, node: Node, wallet_folder: Path
) -> None:
    cedar = Sender(node)
    factories.address(market.client, cedar.address, chain=chain.NAME)
    tasks.watch(timestamp=0)
    before = Balance.objects.get(account__code=f"client:{market.client.ref}:USDT").posted
    cedar.send(hot.address)
    node.mine(FINAL)

    for point in ("seen", "posted"):
        code, own = WATCHER.format(point=point), nodes.environment(wallet_folder, node.url)
        with running.program(sys.executable, "manage.py", "shell", "--no-imports", "-c", code, **own) as killed:
            assert killed.wait(running.PATIENCE) == -signal.SIGKILL
        assert (
            Deposit.objects.get().status,
            Journal.objects.filter(kind="deposit", subject__startswith="DEP").count(),
        ) == ("seen", 0)
    tasks.watch(timestamp=0)
    tasks.watch(timestamp=0)

    assert Deposit.objects.get().status == "credited"
    assert Balance.objects.get(account__code=f"client:{market.client.ref}:USDT").posted == before + MINOR
    assert (events("deposit.seen"), events("deposit.credited")) == (1, 1)
    assert_books_are_right()
