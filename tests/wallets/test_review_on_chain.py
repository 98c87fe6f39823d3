"""What a real node proves about a payment in review: whose the nonce was, and which wallet paid."""

from decimal import Decimal
from typing import Any

from settlement import operations, tasks
from settlement.models import PaymentCheck, Settlement, Transfer, Wallet, Withdrawal
from settlement.operations import Wish
from settlement.wallets import port_of
from settlement.wallets.base import Payment, Signed
from tests import factories
from tests.factories import Market
from tests.settlement import chain as booked
from tests.settlement.books import assert_books_are_right, reason
from tests.wallets import node as nodes
from tests.wallets.node import Node
from tests.wallets.paying import PAID, finish, follow, paid
from tests.wallets.proxy import Proxy
from trading.lib import clock
from trading.sandbox import chain


def taken(settlement: Settlement, node: Node, hot: Wallet) -> Transfer:
    """Somebody else used the nonce of the signed payment, finally."""
    tasks.pay(settlement_id=settlement.pk)
    transfer = Transfer.objects.select_related("wallet").get()
    take_nonce_of(transfer, node, hot)
    assert reason(settlement) == ("needs_review", "node_refused")
    return transfer


def take_nonce_of(transfer: Transfer, node: Node, hot: Wallet) -> None:
    port, to_address = port_of(hot), nodes.somebody()
    port.broadcast(port.sign(Payment(to_address, 1, transfer.nonce), port.look(to_address=to_address).terms).raw)
    node.mine(5)
    tasks.broadcast(transfer_id=transfer.pk)


def is_void(settlement: Settlement | Withdrawal) -> tuple[str, str]:
    check = operations.ask_void(ref=settlement.ref, actor=factories.user("ops"), now=clock.now())
    tasks.check_payment(check_id=check.pk)
    check.refresh_from_db()
    return check.status, check.reason


def test_payment_whose_nonce_somebody_took_is_proved_void_and_made_again(
    settlement: Settlement, node: Node, hot: Wallet
) -> None:
    taken(settlement, node, hot)
    assert is_void(settlement) == ("verified", "")
    booked.resume(hot)  # nothing moved by what the other one sent: it ran out of gas

    factories.carry("settlement.resend", settlement.ref, check=PaymentCheck.objects.get().ref)
    tasks.sign_again(settlement_id=settlement.pk)
    again = Transfer.objects.select_related("wallet", "settlement").latest("generation")
    tasks.broadcast(transfer_id=again.pk)

    finish(node, again)
    assert [one.status for one in Transfer.objects.order_by("generation")] == ["abandoned", "final"]


def test_withdrawal_whose_nonce_somebody_took_is_paid_again_once(market: Market, node: Node, hot: Wallet) -> None:
    wish = Wish("USDT", Decimal(500), market.address.ref)
    row = operations.request_withdrawal(wish=wish, actor=market.tara, key="one", now=clock.now())
    signed = {"amount": "500.000000", "currency": "USDT", "destination": market.address.ref}
    factories.carry("withdrawal.approve", row.ref, **signed)
    tasks.pay_out(withdrawal_id=row.pk)
    take_nonce_of(Transfer.objects.select_related("wallet").get(), node, hot)
    assert is_void(row) == ("verified", "")
    booked.resume(hot)  # nothing moved by what the other one sent: it ran out of gas

    factories.carry("withdrawal.resend", row.ref, check=PaymentCheck.objects.get().ref)
    tasks.sign_again(withdrawal_id=row.pk)
    again = Transfer.objects.select_related("wallet").latest("generation")
    tasks.broadcast(transfer_id=again.pk)
    node.mine(5)
    follow(again)

    row.refresh_from_db()
    assert (row.status, again.status, paid(node, again)) == ("confirmed", "final", [500_000_000])
    assert_books_are_right()


def test_payment_is_void_only_when_every_node_says_so(
    settlement: Settlement, node: Node, hot: Wallet, settings: Any
) -> None:
    taken(settlement, node, hot)
    with Proxy(node.url) as second:
        settings.EVM_CHAINS = [chain.settings_row(node.url, second.url, head_seconds=nodes.NEVER_OLD)]
        second.answers["eth_getTransactionCount"] = "0x0"

        assert is_void(settlement) == ("refused", "may_still_happen")

        second.answers.clear()
        assert is_void(settlement) == ("verified", "")
        nodes.hang_up()


def test_payment_is_not_void_that_one_node_has_in_a_block(wallet: Wallet, node: Node, settings: Any) -> None:
    """The first node lost the receipt of a replaced attempt; the second one has it."""
    port, payment = port_of(wallet), Payment(nodes.somebody(), 5, 0)
    terms = port.look(to_address=payment.to_address).terms
    first, second = port.sign(payment, terms), port.sign(payment, {**terms, "max_fee": terms["max_fee"] + 1})
    port.broadcast(first.raw)
    node.mine(5)
    attempts: list[Signed] = [first, second]
    with Proxy(node.url) as forgetful:
        settings.EVM_CHAINS = [chain.settings_row(forgetful.url, node.url, head_seconds=nodes.NEVER_OLD)]
        forgetful.answers["eth_getTransactionReceipt"] = None

        assert port_of(wallet).is_spent(0)
        assert not port_of(wallet).is_void(0, attempts)
        assert port_of(wallet).is_void(0, [second])
        nodes.hang_up()


def test_payment_out_of_another_and_paused_wallet_of_the_chain_is_found(
    settlement: Settlement, node: Node, hot: Wallet, market: Market
) -> None:
    other = nodes.open_second(node, market.usdt)
    Wallet.objects.filter(pk=other.pk).update(paused_at=clock.now())
    assert settlement.destination is not None
    to_address = settlement.destination.address
    port = port_of(other)
    signed = port.sign(Payment(to_address, PAID, 0), port.look(to_address=to_address, amount_minor=PAID).terms)
    port.broadcast(signed.raw)
    node.mine(5)

    ops = factories.user("ops")
    check = operations.ask_payment(ref=settlement.ref, transaction=signed.tx_hash, actor=ops, now=clock.now())
    tasks.check_payment(check_id=check.pk)

    check.refresh_from_db()
    assert (check.status, check.wallet) == ("verified", other)
