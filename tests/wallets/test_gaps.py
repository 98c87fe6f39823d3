"""A nonce that a payment in review left unused is used up by an empty transaction, and proves it void."""

from typing import Any

import pytest

from settlement import operations, tasks
from settlement.models import NonceFill, Settlement, Transfer, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Payment
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused
from tests.settlement.books import assert_books_are_right, events, reason
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from tests.wallets.node import GWEI, Node
from tests.wallets.paying import PAID, follow
from trading.lib import clock


def thief(wallet: Wallet, transfer: Transfer) -> Any:
    """Signs a payment to somebody else."""
    port = port_of(wallet)
    terms = port.look(to_address=nodes.somebody(), amount_minor=1).terms
    return port.sign(Payment(nodes.somebody(), int(transfer.amount_minor), transfer.nonce), terms)


@pytest.fixture
def gap(settlement: Settlement) -> Transfer:
    """In review with bytes that must not be sent; its nonce is the chain's next."""
    operations.pay(settlement_id=settlement.pk, signer=thief, now=clock.now())
    transfer = Transfer.objects.select_related("wallet", "settlement").get()
    tasks.broadcast(transfer_id=transfer.pk)
    assert reason(settlement) == ("needs_review", "signed_bytes_differ")
    return transfer


def fill() -> list[NonceFill]:
    jobs.clear()
    tasks.fill_gaps(timestamp=0)
    return list(NonceFill.objects.order_by("number"))


def test_gap_is_filled_and_what_waits_behind_it_gets_through_and_the_payment_is_made_again(
    gap: Transfer, market: Market, node: Node, hot: Wallet, time: MovingClock
) -> None:
    settlement = gap.settlement
    assert settlement is not None
    behind = factories.fill(market, to=market.address).settlement
    tasks.pay(settlement_id=behind.pk)
    waiting = Transfer.objects.select_related("wallet", "settlement").get(settlement=behind)
    tasks.broadcast(transfer_id=waiting.pk)
    node.mine(5)
    assert follow(waiting)[0] == "broadcast"
    assert fill() == []  # people have a while to look

    time.advance(301)
    (made,) = fill()
    assert made.answer == "accepted"
    node.mine(5)

    assert follow(waiting)[0] == "final"
    assert node.paid(hot.address, waiting.to_address) == [PAID]
    assert (fill(), events("transfer.nonce_filled")) == ([made], 1)
    ops = factories.user("ops")
    check = operations.ask_void(ref=settlement.ref, actor=ops, now=clock.now())
    tasks.check_payment(check_id=check.pk)
    factories.carry("settlement.resend", settlement.ref, check=check.ref)
    tasks.sign_again(settlement_id=settlement.pk)
    again = Transfer.objects.select_related("wallet", "settlement").latest("pk")
    tasks.broadcast(transfer_id=again.pk)
    node.mine(5)
    assert follow(again)[0] == "final"
    assert node.paid(hot.address, again.to_address) == [PAID, PAID]
    assert_books_are_right()


def test_empty_transaction_that_is_stuck_is_made_dearer_and_stops_with_the_halt(
    gap: Transfer, node: Node, hot: Wallet, time: MovingClock
) -> None:
    time.advance(301)
    fill()
    node.base_fee(50 * GWEI)
    node.mine()
    time.advance(121)

    first, second = fill()
    port = port_of(hot)
    assert port.reads_empty(bytes(first.raw)) == port.reads_empty(bytes(second.raw)) == gap.nonce
    with pytest.raises(ValueError, match="another contract"):
        port.decode(bytes(second.raw))

    operations.halt_transfers(actor=factories.user("ops"), reason=factories.REASON, now=clock.now())
    node.drop(second.tx_hash)
    time.advance(121)
    assert fill() == [first, second]
    assert node.waiting() == 0
    with refused("may only change broadcast_at, answer"):
        NonceFill.objects.filter(pk=second.pk).update(raw=b"")


def test_nonce_that_the_chain_has_used_is_not_filled(settlement: Settlement, node: Node, time: MovingClock) -> None:
    tasks.pay(settlement_id=settlement.pk)
    transfer = Transfer.objects.select_related("wallet", "settlement").get()
    tasks.broadcast(transfer_id=transfer.pk)
    node.mine()
    operations.record_mismatch(transfer_id=transfer.pk, reason="chain_shows_another_payment", now=clock.now())
    time.advance(301)

    assert fill() == []
    with pytest.raises(ValueError, match="moves something"):
        port_of(transfer.wallet).reads_empty(bytes(transfer.attempts.get().raw))
