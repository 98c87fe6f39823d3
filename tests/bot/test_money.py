"""A client announces money and takes money out in its chat, in one line and by buttons; and hears what became of it."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import operations
from settlement.models import Deposit, Withdrawal
from settlement.operations import Receipt
from tests import factories
from tests.bot.scene import LEO, TARA, Scene, buttons, token_of
from tests.factories import REASON
from trading.lib import clock
from users.models import User


@pytest.fixture
def olga(scene: Scene) -> User:
    """Operations; the desk and the client have bank accounts."""
    factories.account(None)
    factories.account(scene.market.client, "NL91ABNA0417164300", label="Main account")
    olga = factories.user("ops")
    scene.work()  # what is told of that is not what a test asks about
    return olga


def approve(row: Withdrawal) -> None:
    to: Any = row.account or row.address
    amount = f"{row.amount:.{row.asset.scale}f}"
    factories.carry("withdrawal.approve", row.ref, amount=amount, currency=row.asset_id, destination=to.ref)


def test_money_is_announced_in_one_line_and_heard_of_when_it_comes(scene: Scene, olga: User) -> None:
    (said,) = scene.say(TARA, "/deposit eur 10,000.50")
    made = Deposit.objects.get()
    assert (made.announced, made.status) == (Decimal("10000.50"), "announced")
    assert made.ref in said["text"]
    assert "DE89 3704 0044 0532 0130 00" in said["text"]

    receipt = Receipt("EUR", Decimal("10000.50"), "BANK-1", ref=made.ref)
    operations.record_deposit(receipt=receipt, actor=olga, key="one", now=clock.now())
    scene.work()
    (heard,) = [one for one in scene.look(TARA) if made.ref in one["text"]]
    assert "10,000.50 EUR" in heard["text"]
    assert "It is on your balance." in heard["text"]
    (listed,) = scene.say(TARA, "/deposit")
    assert f"{made.ref} · 10,000.50 EUR · Credited" in listed["text"]


def test_usdt_is_sent_to_a_wallet_that_is_watched_from_an_address_that_is_registered(scene: Scene, olga: User) -> None:
    wallet, address = scene.market.wallet, scene.market.address
    operations.begin_watch(wallet_id=wallet.pk, height=1, now=clock.now())

    (listed,) = scene.say(TARA, "/deposit")
    (said,) = scene.press(TARA, listed, "USDT")

    assert all(words in said["text"] for words in (wallet.address, address.address, "At least 1 USDT"))
    operations.end_address(ref=address.ref, actor=scene.market.tara, reason="", now=clock.now())
    (said,) = scene.say(TARA, "/deposit usdt")
    assert "registered no address on this network" in said["text"]


def test_money_is_announced_by_button_and_a_typed_amount(scene: Scene, olga: User) -> None:
    (listed,) = scene.say(TARA, "/deposit")
    scene.press(TARA, listed, "EUR")
    (said,) = scene.say(TARA, "500")

    assert Deposit.objects.get().announced == 500
    assert "500.00 EUR" in said["text"]


def test_money_is_taken_out_in_one_line_after_the_whole_destination_was_shown(scene: Scene, olga: User) -> None:
    (card,) = scene.say(TARA, "/withdraw 4000 EUR to main account")
    assert "NL91 ABNA 0417 1643 00" in card["text"]
    assert "996,000.00 EUR" in card["text"]
    assert not Withdrawal.objects.exists()

    token = token_of(card, "Confirm")
    scene.press(TARA, card, "Confirm")
    scene.client.press(TARA, card["message_id"], callback_data=token, stale=True)
    scene.turn()  # pressed again from an old screen: the same withdrawal
    row: Any = Withdrawal.objects.get()
    assert (row.amount, row.status) == (4000, "requested")

    operations.decline_withdrawal(ref=row.ref, reason=REASON, actor=olga, now=clock.now())
    scene.work()
    heard = [one["text"] for one in scene.screen(TARA) if REASON in str(one.get("text"))]
    assert len(heard) == 1


def test_all_of_it_goes_to_an_address_by_buttons(scene: Scene, olga: User) -> None:
    (listed,) = scene.say(TARA, "/withdraw")
    address = scene.market.address.address
    button = next(one for one in buttons(listed) if one.startswith("USDT"))
    (asked,) = scene.press(TARA, listed, button)
    (card, *_rest) = scene.press(TARA, asked, "All of it")
    assert address in card["text"]
    scene.press(TARA, card, "Confirm")

    row: Any = Withdrawal.objects.get()
    assert (row.amount, row.address) == (1_000_000, scene.market.address)
    approve(row)
    scene.work()
    assert any("Approved: it goes out next." in str(one.get("text")) for one in scene.screen(TARA))


def test_what_is_called_off_takes_nothing_out(scene: Scene, olga: User) -> None:
    (card,) = scene.say(TARA, "/withdraw 1 EUR to main account")
    scene.press(TARA, card, "Cancel")
    assert not Withdrawal.objects.exists()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("/deposit EUR", "Example: /deposit EUR 10000"),
        ("/deposit XXX 5", "takes no XXX by bank"),
        ("/deposit EUR 1e6", "as a number"),
        ("/withdraw 5000 USDT", "Example: /withdraw 5000 USDT to"),
        ("/withdraw -5 EUR to main account", "as a number"),
        ("/withdraw 5000 EUR to elsewhere", "no approved destination"),
        ("/withdraw 2000000 EUR to main account", "At most 1,000,000 EUR"),
        ("/withdraw 1000000.01 EUR to main account", "At most"),
    ],
)
def test_the_answer_says_what_to_do(scene: Scene, olga: User, words: str, answer: str) -> None:
    (said,) = scene.say(TARA, words)
    assert answer in said["text"]


def test_an_lp_has_no_part_in_it(scene: Scene, olga: User) -> None:
    for words in ("/deposit", "/withdraw", "/deposit EUR 5"):
        (said,) = scene.say(LEO, words)
        assert "roles do not allow" in said["text"]


def test_correction_of_the_balance_and_a_cancelled_trade_are_told_to_whom_they_concern(scene: Scene) -> None:
    market = scene.market
    given = {"debit": "suspense:EUR", "credit": f"client:{market.client.ref}:EUR", "amount": "10.50"}
    factories.carry("ledger.adjust", market.client.ref, **given, evidence="BANK-2026-118")
    operations.turn_flag_off(actor=factories.user("ops"), reason=factories.REASON, now=clock.now())
    fill = factories.fill(market)
    factories.carry("settlement.cancel", fill.settlement.ref)

    scene.work()

    heard = " ".join(one["text"] for one in scene.look(TARA))
    assert "+10.50 EUR" in heard
    assert "corrected your account" in heard
    assert "has cancelled the delivery of this trade" in heard
    assert "neither side owes" in " ".join(one["text"] for one in scene.look(LEO))


def test_reversed_trade_is_told_to_both_sides_with_what_it_moves_and_shows_in_the_history(scene: Scene) -> None:
    fill = factories.reversed_(factories.settled(scene.market))
    scene.work()

    for who, moved in (
        (TARA, ("+10,000.00 EUR", "-10,847.163466 USDT")),
        (LEO, ("+10,847.163466 USDT", "-9,979.39 EUR")),
    ):
        heard = " ".join(one["text"] for one in scene.look(who))
        assert "has reversed this trade" in heard
        assert [amount for amount in moved if amount not in heard] == []
        (said,) = scene.say(who, "/history")
        assert f"{fill.ref} " in said["text"]
        assert "Reversed" in said["text"]
    (listed,) = scene.say(TARA, "/orders")
    assert "Reversed" in listed["text"]
