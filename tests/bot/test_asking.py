"""`/rfq` step by step: buttons, a typed amount, a last look; it outlives a restart and is one person's own."""

from datetime import timedelta
from decimal import Decimal

from rfq.models import Rfq
from settlement.models import PayoutAddress
from tests import factories
from tests.bot.scene import LEO, NAVID, TARA, Json, Scene, buttons, flat, token_of
from trading.lib import clock
from users.models import CallbackToken, Dialogue


def asked(scene: Scene, *presses: str) -> Json:
    """Begin, and press these one after the other; the message as it stands then."""
    scene.say(TARA, "/rfq")
    for words in presses:
        scene.press(TARA, scene.screen(TARA)[-1], words)
    return scene.screen(TARA)[-1]


def summary(scene: Scene) -> Json:
    asked(scene, "Buy", "EUR")
    scene.say(TARA, "10,000.50")
    scene.press(TARA, scene.screen(TARA)[-1], "My balance")
    return scene.screen(TARA)[-1]


def test_side_unit_amount_and_place_are_asked_one_after_the_other_in_one_message(scene: Scene) -> None:
    first = asked(scene)
    assert "buy or sell" in first["text"]
    assert buttons(first) == ["Buy USDT", "Sell USDT", "Cancel"]

    second = asked(scene, "Buy")  # one pair only: it is not asked
    assert "Buy USDT · USDT/EUR" in second["text"]
    assert buttons(second) == ["EUR", "USDT", "Cancel"]
    scene.press(TARA, second, "EUR")
    third = scene.screen(TARA)[-1]
    assert third["message_id"] == second["message_id"]
    assert "Write the amount in EUR" in third["text"]
    assert buttons(third) == ["Cancel"]

    (fourth,) = scene.say(TARA, "10,000.50")
    assert "Amount: 10,000.50 EUR" in fourth["text"]
    assert buttons(fourth)[0] == "My balance at the desk"
    assert scene.market.address.address in buttons(fourth)[1]
    scene.press(TARA, fourth, buttons(fourth)[1])
    last = scene.screen(TARA)[-1]
    for words in ("10,000.50 EUR", scene.market.address.address, "(simulated)", "Network fee: paid by the desk"):
        assert words in last["text"]
    assert buttons(last) == ["Ask for a price", "Change", "Cancel"]
    assert Rfq.objects.count() == 0

    scene.press(TARA, last, "Ask for a price")
    made = Rfq.objects.get()
    assert (made.side, made.quote_amount, made.destination) == ("buy", Decimal("10000.5"), scene.market.address)
    assert f"under {made.ref}" in scene.screen(TARA)[-2]["text"]
    assert buttons(scene.card(TARA)) == ["Cancel"]
    assert made.ref in scene.card(LEO)["text"]


def test_a_second_pair_is_asked_for_and_a_seller_is_not_asked_where_to(scene: Scene) -> None:
    pair = factories.second_pair(scene.market)
    factories.set_terms(scene.market.client, pair)

    assert buttons(asked(scene, "Sell")) == ["USDT/AED", "USDT/EUR", "Cancel"]
    scene.press(TARA, scene.screen(TARA)[-1], "USDT/EUR")
    scene.press(TARA, scene.screen(TARA)[-1], "USDT")
    (last,) = scene.say(TARA, "5000")

    assert "your balance at the desk" in last["text"]
    assert buttons(last)[0] == "Ask for a price"


def test_the_conversation_is_in_the_database_and_each_person_has_one(scene: Scene) -> None:
    asked(scene, "Buy", "EUR")
    assert buttons(scene.say(NAVID, "/rfq")[-1])[:2] == ["خرید تتر", "فروش تتر"]

    stored = Dialogue.objects.get(user=scene.market.tara)
    assert (stored.purpose, stored.asks, stored.data) == (
        "rfq",
        "amount",
        {"side": "buy", "pair": "USDT/EUR", "unit": "EUR"},
    )
    assert Dialogue.objects.count() == 2
    assert "10,000.00 EUR" in scene.say(TARA, "10000")[-1]["text"]


def test_a_wrong_amount_is_refused_and_the_question_stays_open(scene: Scene) -> None:
    asked(scene, "Buy", "USDT")
    for written, words in (
        ("1e6", "cannot read"),
        ("-5", "cannot read"),
        ("5", "smallest trade"),
        ("9" * 12, "largest"),
    ):
        assert words in scene.say(TARA, written)[-1]["text"]
    assert "5,000.00 USDT" in scene.say(TARA, "5,000")[-1]["text"]


def test_change_begins_again_and_cancel_ends(scene: Scene) -> None:
    last = summary(scene)
    scene.press(TARA, last, "Change")
    first = scene.screen(TARA)[-1]
    assert buttons(first) == ["Buy USDT", "Sell USDT", "Cancel"]

    scene.press(TARA, first, "Cancel")
    ended = scene.screen(TARA)[-1]
    assert "Nobody was asked" in ended["text"]
    assert buttons(ended) == []
    assert "I did not understand" in scene.say(TARA, "10000")[-1]["text"]
    assert Rfq.objects.count() == 0


def test_any_command_ends_it_and_its_buttons_say_so(scene: Scene) -> None:
    last = summary(scene)
    scene.say(TARA, "/orders")

    assert "questions are closed" in scene.forge(TARA, last, token_of(last, "Ask"))
    assert "I did not understand" in scene.say(TARA, "10000")[-1]["text"]
    assert Rfq.objects.count() == 0


def test_one_left_alone_for_too_long_says_so_once(scene: Scene) -> None:
    asked(scene, "Buy", "EUR")
    Dialogue.objects.update(expires_at=clock.now() - timedelta(seconds=1))

    assert "waited 15 minutes" in scene.say(TARA, "10000")[-1]["text"]
    assert "I did not understand" in scene.say(TARA, "10000")[-1]["text"]


def test_asking_pressed_ten_times_is_one_request(scene: Scene) -> None:
    last = summary(scene)
    token = token_of(last, "Ask")
    for _ in range(10):
        scene.client.press(TARA, last["message_id"], callback_data=token, stale=True)
    scene.turn()

    assert Rfq.objects.count() == 1


def test_an_answered_question_cannot_be_answered_otherwise(scene: Scene) -> None:
    first = asked(scene)
    buy, sell = (token_of(first, words) for words in ("Buy", "Sell"))
    scene.press(TARA, first, "Buy")
    scene.client.press(TARA, first["message_id"], callback_data=buy, stale=True)
    scene.turn()

    assert "changed meanwhile" in scene.forge(TARA, scene.screen(TARA)[-1], sell)
    assert Dialogue.objects.get().data["side"] == "buy"


def test_somebody_elses_answer_counts_for_nothing(scene: Scene) -> None:
    last = summary(scene)
    scene.say(NAVID, "/help")

    scene.forge(NAVID, scene.screen(NAVID)[-1], token_of(last, "Ask"))
    assert Rfq.objects.count() == 0


def test_an_address_revoked_meanwhile_cannot_be_chosen(scene: Scene) -> None:
    asked(scene, "Buy", "EUR")
    (fourth,) = scene.say(TARA, "10000")
    PayoutAddress.objects.update(revoked_at=clock.now())

    assert "changed meanwhile" in scene.forge(TARA, fourth, flat(fourth)[1]["callback_data"])


def test_a_dealer_is_refused_in_words(scene: Scene) -> None:
    assert "roles do not allow" in scene.say(LEO, "/rfq")[-1]["text"]


def test_the_direct_form_names_the_place(scene: Scene) -> None:
    PayoutAddress.objects.update(label="Cold store")
    scene.say(TARA, "/rfq buy 10000 EUR to cold store")
    scene.say(TARA, "/rfq buy 5000 USDT EUR to balance")

    assert [one.destination for one in Rfq.objects.order_by("pk")] == [scene.market.address, None]
    assert "You have: balance, Cold store" in scene.say(TARA, "/rfq buy 10000 EUR to hot")[-1]["text"]
    assert "did not understand" in scene.say(TARA, "/rfq sell 10000 EUR to balance")[-1]["text"]
    assert "did not understand" in scene.say(TARA, "/rfq buy 10000 EUR to")[-1]["text"]


def test_every_button_is_bound_to_its_conversation_and_turn(scene: Scene) -> None:
    summary(scene)

    refs = {token.subject for token in CallbackToken.objects.filter(action__startswith="asking.")}
    assert refs == {Dialogue.objects.get(user=scene.market.tara).ref}
