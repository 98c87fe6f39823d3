"""One payment on a real node, a step at a time."""

from settlement import operations, tasks
from settlement.models import Settlement, Transfer
from settlement.reconciliation import rounds
from tests import jobs
from tests.settlement.books import assert_books_are_right, steps
from tests.wallets.node import Node
from trading.lib import clock

PAID = 10_847_163_466


def paid(node: Node, transfer: Transfer) -> list[int]:
    return node.paid(transfer.wallet.address, transfer.to_address)


def sent(settlement: Settlement) -> Transfer:
    """Signed and taken by the node, which has not mined it."""
    tasks.pay(settlement_id=settlement.pk)
    transfer = Transfer.objects.select_related("wallet").get()
    tasks.broadcast(transfer_id=transfer.pk)
    transfer.refresh_from_db()
    return transfer


def follow(transfer: Transfer) -> tuple[str, str]:
    """Ask the chain once."""
    jobs.clear()
    tasks.track(wallet_id=transfer.wallet_id)
    transfer.refresh_from_db()
    return transfer.status, transfer.reason


def finish(node: Node, transfer: Transfer) -> None:
    """Mine, follow, and see that it was paid once and the books are right."""
    for _ in range(5):
        node.mine()
        if follow(transfer)[0] == "final":
            break
    assert transfer.settlement is not None
    assert steps(transfer.settlement)[-1] == "settled"
    assert paid(node, transfer) == [PAID]
    assert_books_are_right()


def compare() -> list[str]:
    """What differs between the chains and the books."""
    outcome = rounds.look_at_chains()
    operations.record_reconciliation(outcome=outcome, now=clock.now())
    return [f"{one.check} {one.what}" for one in outcome.differences]
