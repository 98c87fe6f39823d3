"""A party asks for an address or a bank account in its chat; its people and the desk hear of every step."""

from typing import Any

from settlement import operations
from settlement.models import BankAccount, PayoutAddress
from tests import factories
from tests.bot.scene import LEO, MINA, NAVID, STRANGER, TARA, Scene, buttons, link, token_of
from tests.factories import REASON
from trading.lib import clock
from users.models import User

OLGA = STRANGER
IBAN = "NL91ABNA0417164300"


def ops(scene: Scene) -> User:
    user = factories.user("ops", username="olga")
    scene.say(OLGA, "/start")
    link(user, OLGA)
    scene.work()
    scene.look(OLGA)
    return user


def heard(scene: Scene, who: int, ref: str) -> list[str]:
    """What came into a chat about it since the last look."""
    return [str(one["text"]) for one in scene.look(who) if ref in str(one.get("text"))]


def test_an_address_is_asked_for_in_one_line_and_followed_to_its_approval(scene: Scene, settings: Any) -> None:
    settings.ADDRESS_COOLING_HOURS = 24
    ops(scene)
    (card,) = scene.say(TARA, "/address simulated our-cold-store-0001 Cold store")
    assert "our-cold-store-0001" in card["text"]
    assert "at least 24 hours" in card["text"]
    assert not PayoutAddress.objects.filter(address="our-cold-store-0001").exists()

    token = token_of(card, "Confirm")
    for who in (NAVID, OLGA, LEO, MINA):
        scene.look(who)
    scene.press(TARA, card, "Confirm")
    scene.client.press(TARA, card["message_id"], callback_data=token, stale=True)
    scene.turn()  # pressed again from an old screen: the same address
    row = PayoutAddress.objects.get(address="our-cold-store-0001")
    assert (row.label, row.asked_by, row.counterparty) == ("Cold store", scene.market.tara, scene.market.client)
    assert any(f"{row.ref} is asked for" in str(one["text"]) for one in scene.screen(TARA))
    (told,), (desk,) = heard(scene, NAVID, row.ref), heard(scene, OLGA, row.ref)
    assert "our-cold-store-0001" in told
    assert scene.market.client.name in desk
    assert [heard(scene, who, row.ref) for who in (LEO, MINA)] == [[], []]

    scene.look(TARA)
    factories.carry("address.add", row.ref, chain="simulated", address=row.address, cooling_hours=24)
    scene.work()
    (approved,) = heard(scene, TARA, row.ref)
    assert "Approved by two people of the desk." in approved
    assert "It cools off: usable from" in approved
    assert len(heard(scene, NAVID, row.ref)) == 1
    operations.end_address(ref=row.ref, actor=scene.market.tara, reason="", now=clock.now())
    scene.work()
    assert (len(heard(scene, TARA, row.ref)), len(heard(scene, NAVID, row.ref))) == (0, 1)


def test_an_address_step_by_step_with_a_wrong_one_and_one_that_looks_alike(scene: Scene) -> None:
    factories.address(scene.market.client, "abcd-our-own-wxyz")
    scene.work()
    (asked,) = scene.say(TARA, "/address")
    assert "Send the address." in asked["text"]  # the desk pays on one chain: that is not asked
    (refused,) = scene.say(TARA, "no address!")
    assert "is no address of simulated" in refused["text"]
    (named,) = scene.say(TARA, "abcd-planted-wxyz")
    (card, *_rest) = scene.press(TARA, named, "Without a name")
    assert "compare every letter" in card["text"]
    assert "abcd-our-own-wxyz" in card["text"]
    scene.press(TARA, card, "Cancel")
    assert not PayoutAddress.objects.filter(address="abcd-planted-wxyz").exists()


def test_a_bank_account_step_by_step_and_the_desk_says_no(scene: Scene) -> None:
    scene.say(TARA, "/account")
    (refused,) = scene.say(TARA, "NL92ABNA0417164300")
    assert "no valid IBAN" in refused["text"]
    (asked,) = scene.say(TARA, "nl91 abna 0417 1643 00")
    assert buttons(asked) == [scene.market.client.name]
    scene.say(TARA, "Somebody Else")
    scene.say(TARA, "Bank of X, Amsterdam, ABNANL2A")
    (card,) = scene.say(TARA, "Euros")
    for words in ("NL91 ABNA 0417 1643 00", "Bank of X, Amsterdam", "ABNANL2A", "another name than your company"):
        assert words in card["text"]
    scene.press(TARA, card, "Confirm")

    row = BankAccount.objects.get()
    facts = (row.number, row.is_iban, row.holder, row.bank, row.bic, row.label)
    assert facts == (IBAN, True, "Somebody Else", "Bank of X, Amsterdam", "ABNANL2A", "Euros")
    (listed,) = scene.say(TARA, "/addresses")
    assert "waits for the desk's approval" in listed["text"].split("Your bank accounts")[1]
    request = factories.propose("bank_account.add", row.ref, currency="EUR", number=IBAN)
    factories.decide(request, verdict="decline")
    scene.work()
    (told,) = heard(scene, TARA, row.ref)
    assert "has not approved it" in told
    assert REASON not in told


def test_an_lp_asks_for_its_own_and_the_desk_for_nobody(scene: Scene) -> None:
    ops(scene)
    (card,) = scene.say(LEO, "/address simulated where-meridian-is")
    scene.press(LEO, card, "Confirm")
    assert PayoutAddress.objects.get(address="where-meridian-is").counterparty == scene.market.meridian
    (listed,) = scene.say(LEO, "/addresses")
    assert "where-meridian-is" in listed["text"]
    for words in ("/address", "/account", "/addresses"):
        (said,) = scene.say(OLGA, words)
        assert "roles do not allow" in said["text"]


def test_the_answer_says_what_to_do(scene: Scene) -> None:
    factories.asked_address(scene.market.client, label="taken")
    scene.work()
    for words, answer in (
        ("/address bitcoin somewhere", "knows no chain bitcoin"),
        ("/address simulated 0000", "belongs to nobody you can pay"),
        ("/address simulated somewhere Taken", "Choose another label"),
    ):
        (said,) = scene.say(TARA, words)
        assert answer in said["text"]
