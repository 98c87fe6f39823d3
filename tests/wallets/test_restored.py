"""
A backup from before some payments is put back: nothing is paid again, and people take over what the chain has.

Row 19 of the crash matrix. Real programs of PostgreSQL, a real node, a real worker.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from settlement import operations, pauses, tasks
from settlement.models import Settlement, Transfer, Wallet
from settlement.own_acts.wallets import Differs, NotReconciled
from settlement.reconciliation import rounds
from tests import factories, jobs
from tests.crash.running import program, wait_for
from tests.factories import Market
from tests.settlement.books import assert_books_are_right
from tests.wallets import node as nodes
from tests.wallets.node import Node
from trading.lib import clock
from trading.sandbox.binaries import Binaries

PAYMENTS = 3
pytestmark = pytest.mark.processes


@pytest.fixture
def market(db: None, node: Node) -> Market:
    made = factories.market()
    made.address = nodes.destination(made)
    return made


@pytest.fixture
def hot(market: Market, started_node: tuple[Node, str]) -> Wallet:
    return nodes.open_wallet(started_node[1], market.usdt)


def run(name: str, *arguments: str) -> str:
    """A program of PostgreSQL, as the owner of the database."""
    at = connections["owner"].settings_dict
    url = f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/"
    return Binaries().run(name, *(part.replace("URL/", url) for part in arguments))


@contextmanager
def restored(backup: str, name: str) -> Iterator[None]:
    """The backup in a database of its own, which everybody works in meanwhile."""
    own = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "owner")}
    run("psql", "-q", "-d", f"URL/{own['owner']}", "-c", f'create database "{name}"')
    run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", f"URL/{name}", "-f", backup)
    try:
        _work_in(dict.fromkeys(own, name))
        yield
    finally:
        _work_in(own)
        run("psql", "-q", "-d", f"URL/{own['owner']}", "-c", f'drop database "{name}" with (force)')


def _work_in(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def compare() -> set[str]:
    """What differs, after a round of each kind."""
    outcome = rounds.look_at_chains()
    operations.record_reconciliation(outcome=outcome, now=clock.now())
    return {f"{one.check} {one.ref} {one.what}" for one in [*outcome.differences, *rounds.compare_books().differences]}


def paid(node: Node, hot: Wallet, market: Market) -> int:
    return len(node.paid(hot.address, market.address.address))


def pay_all(node: Node, settlements: list[Settlement]) -> list[str]:
    """To their ends; the transactions."""
    jobs.clear()
    for settlement in settlements:
        tasks.pay(settlement_id=settlement.pk)
    for transfer in Transfer.objects.order_by("pk"):
        tasks.broadcast(transfer_id=transfer.pk)
    node.mine(5)
    for transfer in Transfer.objects.order_by("pk"):
        tasks.track(wallet_id=transfer.wallet_id)
    assert set(Settlement.objects.values_list("status", flat=True)) == {"settled"}
    return [transfer.attempts.get().tx_hash for transfer in Transfer.objects.order_by("pk")]


def test_restored_backup_pays_nothing_again(
    market: Market, hot: Wallet, node: Node, wallet_folder: Path, tmp_path: Path
) -> None:
    name = f"{connections['owner'].settings_dict['NAME']}_back"
    rounds.guard_start()
    assert compare() == set()
    settlements = [factories.fill(market, to=market.address).settlement for _ in range(PAYMENTS)]
    backup = run("pg_dump", "-N", "remembered", "-d", f"URL/{connections['owner'].settings_dict['NAME']}")
    (tmp_path / "backup.sql").write_text(backup)
    sent = pay_all(node, settlements)
    assert paid(node, hot, market) == PAYMENTS

    with restored(str(tmp_path / "backup.sql"), name):
        # Everything waits as it did then, with its jobs; a worker begins.
        assert set(Settlement.objects.values_list("status", flat=True)) == {"approved"}
        assert jobs.names(queue_name="money").count("settlement.pay") == PAYMENTS
        environment = nodes.environment(wallet_folder, node.url)
        with program(sys.executable, "manage.py", "worker", "--queues", "money", **environment):
            wait_for(lambda: Settlement.objects.filter(status="blocked").count() == PAYMENTS)
            node.mine(3)
        assert paid(node, hot, market) == PAYMENTS
        assert Transfer.objects.count() == 0
        assert set(Wallet.objects.values_list("pause_reason", flat=True)) == {pauses.RESTORED}

        # What was paid since is named, and nothing goes on before it is carried in.
        found = compare()
        for tx_hash in sent:
            assert any(one.startswith(f"outgoing {hot.name} paid") and tx_hash in one for one in found)
        assert f"nonce {hot.name} has {PAYMENTS} transactions on its chain, and 0 in the books" in found
        with pytest.raises(Differs):
            factories.propose("wallet.resume", hot.name, by=None, next_nonce=PAYMENTS)
        for settlement, tx_hash in zip(settlements, sent, strict=True):
            carry_in(settlement, tx_hash)
        with pytest.raises((Differs, NotReconciled)):
            factories.propose("wallet.resume", hot.name, by=None, next_nonce=PAYMENTS)
        assert compare() == set()
        factories.carry("wallet.resume", hot.name, next_nonce=PAYMENTS)

        # And the next one is paid, once.
        again = factories.fill(market, to=market.address).settlement
        tasks.pay(settlement_id=again.pk)
        transfer = Transfer.objects.get()
        assert transfer.nonce == PAYMENTS
        tasks.broadcast(transfer_id=transfer.pk)
        node.mine(5)
        tasks.track(wallet_id=transfer.wallet_id)
        assert paid(node, hot, market) == PAYMENTS + 1
        assert_books_are_right()
        assert compare() == set()


def carry_in(settlement: Settlement, tx_hash: str) -> None:
    """Two people settle it by the payment that the chain has."""
    asked = operations.ask_payment(
        ref=settlement.ref, transaction=tx_hash, actor=factories.user("ops"), now=clock.now()
    )
    tasks.check_payment(check_id=asked.pk)
    details = {"check": asked.ref, "transaction": asked.transaction}
    factories.carry("settlement.settle_manually", settlement.ref, **details)
