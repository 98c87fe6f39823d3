"""A final payment that its chain undoes: sent again as it was, looked at by people, and booked and delivered once."""

from typing import Any

from settlement import operations, reconciliation, tasks, verification
from settlement.models import Journal, Settlement, Transfer, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Payment
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused
from tests.settlement.books import assert_books_are_right, events, reason, steps
from tests.settlement.conftest import MovingClock
from tests.settlement.taking_out import approved, ask_usdt
from tests.wallets import node as nodes
from tests.wallets.node import Node
from tests.wallets.paying import PAID, finish, follow, paid, sent
from tests.wallets.proxy import Proxy
from trading.lib import clock
from trading.sandbox import chain
from users.models import AuditEvent


def looked_again(transfer: Transfer) -> str:
    jobs.clear()
    tasks.follow_final(timestamp=0)
    transfer.refresh_from_db()
    return transfer.status


def settled(settlement: Settlement, node: Node) -> Transfer:
    transfer = sent(settlement)
    finish(node, transfer)
    return transfer


def undone(settlement: Settlement, node: Node) -> Transfer:
    """Final and settled, and then on no chain any more."""
    transfer = settled(settlement, node)
    node.reorg(node.head() - (transfer.block_number or 0) + 1)
    assert paid(node, transfer) == []
    assert looked_again(transfer) == "broadcast"
    return transfer


def test_payment_undone_after_it_was_settled_is_sent_again_and_settled_once(
    settlement: Settlement, node: Node, hot: Wallet
) -> None:
    factories.user("ops")
    transfer = undone(settlement, node)

    hot.refresh_from_db()
    assert (reason(settlement), hot.paused_at is not None) == (("needs_review", "deep_reorg"), True)
    assert (events("transfer.undone"), events("wallet.paused"), events("settlement.needs_review")) == (1, 1, 1)
    assert jobs.names(task_name="settlement.broadcast") == ["settlement.broadcast"]
    with refused("ST11"):
        settlement.move("settled", at=clock.now())
    assert_books_are_right()
    assert [str(one) for one in reconciliation.differences()] == []

    tasks.broadcast(transfer_id=transfer.pk)
    finish(node, transfer)

    assert steps(settlement)[-2:] == ["needs_review", "settled"]
    assert reason(settlement) == ("settled", "final_again")
    assert (transfer.attempts.count(), Journal.objects.filter(kind="delivery").count()) == (1, 1)
    assert (events("settlement.settled"), events("transfer.made_again")) == (1, 1)
    assert [one.what for one in verification.check()] == []
    assert [str(one) for one in reconciliation.differences()] == []
    assert looked_again(transfer) == "final"


def test_nonce_taken_while_a_payment_was_undone_stops_it_for_good(
    settlement: Settlement, node: Node, hot: Wallet
) -> None:
    transfer = undone(settlement, node)
    port, to_address = port_of(hot), nodes.somebody()
    terms = port.look(to_address=to_address, amount_minor=1).terms
    port.broadcast(port.sign(Payment(to_address, 1, transfer.nonce), terms).raw)
    node.mine(5)

    tasks.broadcast(transfer_id=transfer.pk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.reason) == ("needs_review", "node_refused")
    assert reason(settlement)[0] == "needs_review"
    assert AuditEvent.objects.filter(name="transfer.undone").latest("pk").reason == "node_refused"
    assert node.paid(hot.address, transfer.to_address) == []


def test_payment_of_a_withdrawal_that_is_undone_is_made_again(market: Market, node: Node, hot: Wallet) -> None:
    withdrawal = approved(ask_usdt(market, "100"))
    tasks.pay_out(withdrawal_id=withdrawal.pk)
    transfer = Transfer.objects.select_related("wallet").get()
    tasks.broadcast(transfer_id=transfer.pk)
    node.mine(4)
    assert follow(transfer)[0] == "final"
    node.reorg(4)
    assert looked_again(transfer) == "broadcast"
    withdrawal.refresh_from_db()
    assert (withdrawal.status, withdrawal.reason) == ("needs_review", "deep_reorg")

    tasks.broadcast(transfer_id=transfer.pk)
    node.mine(4)

    assert follow(transfer)[0] == "final"
    withdrawal.refresh_from_db()
    assert (withdrawal.status, withdrawal.reason) == ("confirmed", "final_again")
    assert Journal.objects.filter(kind="withdrawal_sent").count() == 1
    assert len(paid(node, transfer)) == 1
    assert_books_are_right()


def test_final_payment_that_one_node_lost_is_not_undone_and_is_looked_at_in_turn(
    settlement: Settlement, node: Node, settings: Any, time: MovingClock
) -> None:
    transfer = settled(settlement, node)
    with Proxy(node.url) as forgetful:
        settings.EVM_CHAINS = [chain.settings_row(forgetful.url, node.url, head_seconds=nodes.NEVER_OLD)]
        forgetful.answers["eth_getTransactionReceipt"] = None
        assert looked_again(transfer) == "final"
        nodes.hang_up()
    seen_at = transfer.looked_at
    assert seen_at is not None

    settings.EVM_CHAINS = [chain.settings_row("http://127.0.0.1:9")]
    time.advance(601)
    assert looked_again(transfer) == "final"
    assert transfer.looked_at == seen_at  # nobody answered, and nothing follows from that
    assert operations.record_still_there(transfer_ids=[transfer.pk], now=clock.now()) == 1
    assert int(transfer.amount_minor) == PAID
