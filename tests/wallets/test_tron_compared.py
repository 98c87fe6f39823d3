"""Chain and books compared on TRON: while a payment is on its way, and when somebody else has the key."""

import pytest

from settlement import pauses
from settlement.addresses import tron_body
from settlement.models import ChainReading, Entry, Outflow, Settlement, Wallet
from settlement.wallets.tron.token import transfer_call
from settlement.wallets.tron.wallet import TronWallet
from tests import factories
from tests.fakes.tron import SOLID_AFTER, SUN, TOKEN
from tests.settlement.books import events
from tests.wallets import tron
from tests.wallets.paying import compare, follow, sent
from tests.wallets.test_commands import output_of
from tests.wallets.test_tron_on_chain import payer, paying, tron_market
from tests.wallets.tron import Scene, evm_address

__all__ = ["payer", "paying", "tron_market"]


def move(network: Scene, sender: str, to_address: str, minor: int) -> str:
    """In the next block, by whoever has that key."""
    data = transfer_call(to_address, minor).hex()
    moved = network.call(tron_body(sender).hex(), tron_body(TOKEN).hex(), data)
    network.mine()
    return moved


def test_payment_on_its_way_is_no_difference(
    paying: Settlement, payer: Wallet, network: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent, in a block, solidified, booked, and read some blocks at a time: compared at each step."""
    monkeypatch.setattr(TronWallet, "blocks_at_once", 2)
    assert compare() == []
    transfer = sent(paying)
    assert compare() == []
    network.mine()
    assert compare() == []  # the chain has it, and the books have not heard
    while follow(transfer)[0] != "final":
        network.mine()
        assert compare() == []
    network.mine(30)

    assert [compare() for _ in range(2)] == [[], []]
    assert ChainReading.objects.get(wallet=payer).last == network.head - SOLID_AFTER + 1
    outflow = Outflow.objects.get()
    assert (outflow.tx_hash, outflow.to_address) == (transfer.attempts.get().tx_hash, transfer.to_address)
    assert events("wallet.paused") == 0


def test_money_from_a_stranger_is_told_and_stops_nothing(payer: Wallet, network: Scene) -> None:
    network.node.fund(evm_address(stranger := tron.somebody()), 5)
    assert compare() == []

    move(network, stranger, payer.address, 5)

    assert compare() == ["incoming was sent 0.000005 USDT that nobody has booked"]
    assert events("wallet.paused") == 0


def test_whoever_has_the_key_too_stops_the_wallet_and_is_named(payer: Wallet, network: Scene) -> None:
    assert compare() == []

    moved = move(network, payer.address, thief := tron.somebody(), 5)

    assert [one.partition(" ")[0] for one in compare()] == ["wallet"]
    payer.refresh_from_db()
    assert payer.pause_reason == pauses.DIFFERENCE
    network.mine(SOLID_AFTER)
    assert f"outgoing paid 0.000005 USDT to {thief} by {moved}, which the desk did not sign" in compare()


def test_transfer_of_nothing_that_anybody_can_write_is_none(payer: Wallet, network: Scene) -> None:
    assert compare() == []

    move(network, payer.address, tron.somebody(), 0)
    network.mine(SOLID_AFTER)

    assert compare() == []
    assert Outflow.objects.count() == 0


def test_what_a_payment_burned_is_in_the_books_to_the_last_sun(
    paying: Settlement, payer: Wallet, network: Scene
) -> None:
    before = network.coins[tron_body(payer.address).hex()]
    transfer = sent(paying)
    while follow(transfer)[0] != "final":
        network.mine()

    spent = before - network.coins[tron_body(payer.address).hex()]
    assert spent > 0
    booked = Entry.objects.filter(account__asset="TRX").values_list("account__code", "amount")
    assert dict(booked) == {f"coins:{payer.name}": -spent, "gas:TRX": spent}

    capital = {"debit": f"coins:{payer.name}", "credit": "capital:TRX", "evidence": "funding 1"}
    factories.carry("ledger.adjust", "LEDGER", amount=str(before // SUN), **capital)
    assert f"{(before - spent) / SUN:.6f} in the books" in output_of("wallet_check", payer.name)
