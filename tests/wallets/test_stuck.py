"""Payments that no block takes: replaced by dearer ones, each of which may be the one that is mined."""

from decimal import Decimal

import pytest

from settlement import operations, tasks
from settlement.models import Settlement, Transfer, TransferAttempt
from settlement.wallets import port_of
from settlement.wallets.base import Payment
from tests import factories, jobs
from tests.factories import Market
from tests.settlement.books import events
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from tests.wallets.node import GWEI, Node
from tests.wallets.paying import PAID, finish, follow, sent
from tests.wallets.proxy import Proxy
from trading.lib import clock
from trading.sandbox import chain


def stuck(settlement: Settlement, node: Node, time: MovingClock) -> Transfer:
    """Two minutes after it was sent no block has it: what others offer is more."""
    transfer = sent(settlement)
    assert follow(transfer)[0] == "broadcast"
    assert (node.waiting(), transfer.attempts.count()) == (1, 1)
    time.advance(121)
    return transfer


def test_stuck_payment_is_replaced_by_a_dearer_one(settlement: Settlement, node: Node, time: MovingClock) -> None:
    transfer = stuck(settlement, node, time)

    follow(transfer)
    first, second = transfer.attempts.order_by("number")
    assert (first.status, second.status, second.broadcast_at) == ("superseded", "signed", None)  # stored, not sent
    port = port_of(transfer.wallet)
    assert port.decode(bytes(first.raw)) == port.decode(bytes(second.raw))
    assert jobs.names(task_name="settlement.broadcast") == ["settlement.broadcast"]
    tasks.broadcast(transfer_id=transfer.pk)

    finish(node, transfer)
    assert [attempt.status for attempt in transfer.attempts.order_by("number")] == ["superseded", "mined"]
    assert events("transfer.replaced") == 1


def test_bytes_that_pay_something_else_are_not_made_dearer(
    settlement: Settlement, node: Node, time: MovingClock
) -> None:
    transfer = stuck(settlement, node, time)
    port, meant = port_of(transfer.wallet), bytes(transfer.attempts.get().raw)
    paid = port.decode(meant)
    other = port.sign(Payment(nodes.somebody(), paid.amount_minor, paid.nonce), port.dearer(meant) or {})
    TransferAttempt.objects.create(
        transfer=transfer, number=2, raw=other.raw, tx_hash=other.tx_hash, created_at=clock.now(), out_since=clock.now()
    )
    time.advance(121)

    follow(transfer)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.reason) == ("needs_review", "signed_bytes_differ")
    assert transfer.attempts.count() == 2


def test_first_bytes_mined_after_all_settle_the_payment_once(
    settlement: Settlement, node: Node, time: MovingClock
) -> None:
    transfer = stuck(settlement, node, time)
    follow(transfer)  # signed again, not sent

    finish(node, transfer)

    assert [attempt.status for attempt in transfer.attempts.order_by("number")] == ["mined", "superseded"]


def test_payment_replaced_and_reorganised_is_replaced_once_more(
    settlement: Settlement, node: Node, time: MovingClock
) -> None:
    transfer = stuck(settlement, node, time)
    follow(transfer)  # signed again, not sent: the first bytes are mined
    node.mine()
    assert follow(transfer)[0] == "mined"
    node.reorg(1)
    assert follow(transfer) == ("broadcast", "reorg")
    tasks.broadcast(transfer_id=transfer.pk)
    time.advance(121)

    follow(transfer)
    assert transfer.attempts.count() == 3
    tasks.broadcast(transfer_id=transfer.pk)

    finish(node, transfer)


def test_nothing_is_replaced_while_transfers_are_halted(
    settlement: Settlement, node: Node, time: MovingClock, market: Market
) -> None:
    transfer = stuck(settlement, node, time)
    actor = factories.user("ops")
    operations.halt_transfers(actor=actor, reason=factories.REASON, now=clock.now())

    follow(transfer)

    assert transfer.attempts.count() == 1
    assert jobs.names(queue_name="money") == ["settlement.track"]


def test_payment_is_stuck_from_when_it_was_sent_not_from_when_it_was_signed(
    settlement: Settlement, node: Node, time: MovingClock
) -> None:
    tasks.pay(settlement_id=settlement.pk)
    transfer = Transfer.objects.select_related("wallet").get()
    time.advance(300)
    tasks.broadcast(transfer_id=transfer.pk)
    follow(transfer)
    assert transfer.attempts.count() == 1

    for _ in range(4):  # sent again meanwhile, as it is every half minute
        time.advance(31)
        tasks.broadcast(transfer_id=transfer.pk)
    follow(transfer)

    assert transfer.attempts.count() == 2


def test_payment_is_followed_while_its_replacement_is_not_answered_or_halted(
    settlement: Settlement, node: Node, time: MovingClock, settings: pytest.FixtureRequest
) -> None:
    transfer = stuck(settlement, node, time)
    follow(transfer)
    jobs.clear()
    with Proxy(node.url) as proxy:
        settings.EVM_CHAINS = [chain.settings_row(proxy.url, head_seconds=nodes.NEVER_OLD)]  # type: ignore[attr-defined]
        proxy.loses["eth_sendRawTransaction"] = 1
        proxy.answers["eth_getTransactionByHash"] = None
        tasks.broadcast(transfer_id=transfer.pk)
        assert jobs.names(queue_name="money") == ["settlement.track"]
        nodes.hang_up()
    jobs.clear()
    operations.halt_transfers(actor=factories.user("ops"), reason=factories.REASON, now=clock.now())

    jobs.clear()
    tasks.broadcast(transfer_id=transfer.pk)

    assert "settlement.track" in jobs.names(queue_name="money")


def test_replaced_payment_of_a_base_fee_above_its_maximum_gets_through(
    settlement: Settlement, node: Node, time: MovingClock
) -> None:
    transfer = sent(settlement)
    node.base_fee(50 * GWEI)
    node.mine()
    assert follow(transfer)[0] == "broadcast"
    assert node.call("eth_getTransactionReceipt", transfer.attempts.get().tx_hash) is None
    time.advance(121)

    follow(transfer)
    tasks.broadcast(transfer_id=transfer.pk)

    finish(node, transfer)
    assert [attempt.status for attempt in transfer.attempts.order_by("number")] == ["superseded", "mined"]


@pytest.mark.parametrize("cap", ["max_fee_gwei", "max_tip_gwei"])
def test_nothing_dearer_than_the_cap_is_offered(
    settlement: Settlement, node: Node, time: MovingClock, settings: pytest.FixtureRequest, cap: str
) -> None:
    transfer = stuck(settlement, node, time)
    row = chain.settings_row(node.url, head_seconds=nodes.NEVER_OLD)
    settings.EVM_CHAINS = [{**row, cap: 1}]  # type: ignore[attr-defined]

    follow(transfer)

    assert transfer.attempts.count() == 1
    assert Decimal(transfer.amount_minor) == PAID
