"""What the chain takes of its own coin is in the books with what it was taken for, to the last unit."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from settlement import operations, reconciliation, tasks
from settlement.models import Entry, Journal, Settlement, Transfer, Wallet
from tests import factories
from tests.settlement.conftest import MovingClock
from tests.wallets.node import NAME, Node
from tests.wallets.paying import finish, follow, sent
from tests.wallets.test_gaps import gap
from tests.wallets.test_on_chain import pause
from trading.sandbox.chain import WEI_OF_ONE

__all__ = ["gap"]
COINS = 100  # what a test's wallet was given


def booked(code: str) -> int:
    return int(Entry.objects.filter(account__code=code).aggregate(total=Sum("amount"))["total"] or 0)


def on_chain(node: Node, hot: Wallet) -> int:
    return int(node.call("eth_getBalance", hot.address, "latest"), 16)


def checked() -> str:
    out = StringIO()
    call_command("wallet_check", NAME, stdout=out)
    return out.getvalue()


def test_gas_of_a_payment_is_booked_as_it_is_final_and_once(settlement: Settlement, node: Node, hot: Wallet) -> None:
    before = on_chain(node, hot)
    transfer = sent(settlement)
    finish(node, transfer)

    spent = before - on_chain(node, hot)
    assert spent > 0
    assert (booked("gas:ETH"), booked(f"coins:{hot.name}")) == (spent, -spent)
    assert Journal.objects.get(kind="gas").subject == transfer.ref
    assert [str(one) for one in reconciliation.differences()] == []
    operations.book_gas(wallet=hot, tx_hash=transfer.attempts.get().tx_hash, fee=1, subject=transfer.ref)
    assert booked("gas:ETH") == spent

    with pytest.raises(CommandError, match="1 fault"):
        checked()
    capital = {"debit": f"coins:{hot.name}", "credit": "capital:ETH", "amount": str(COINS), "evidence": "funding 1"}
    assert before == COINS * WEI_OF_ONE
    factories.carry("ledger.adjust", "LEDGER", **capital)
    assert "99.99" in checked()


def test_gas_of_a_failed_payment_is_booked_once_it_is_final(settlement: Settlement, node: Node, hot: Wallet) -> None:
    before = on_chain(node, hot)
    transfer = sent(settlement)
    pause(node)
    node.mine()
    assert follow(transfer) == ("needs_review", "reverted")
    tasks.book_gas(timestamp=0)
    assert booked("gas:ETH") == 0

    node.mine(5)
    for _ in range(2):
        tasks.book_gas(timestamp=0)

    assert booked("gas:ETH") == before - on_chain(node, hot) > 0


def test_gas_of_an_empty_transaction_is_booked(gap: Transfer, node: Node, hot: Wallet, time: MovingClock) -> None:
    before = on_chain(node, hot)
    time.advance(301)
    tasks.fill_gaps(timestamp=0)
    node.mine(5)

    tasks.book_gas(timestamp=0)

    assert Journal.objects.get(kind="gas").subject == gap.ref
    assert booked("gas:ETH") == before - on_chain(node, hot) > 0
