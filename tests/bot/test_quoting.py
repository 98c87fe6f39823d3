"""How a dealer quotes, passes and takes quotes back in the chat."""

from datetime import timedelta
from decimal import Decimal

from rfq import operations
from rfq.models import Invitation, Quote
from tests import factories
from tests.bot.scene import LEO, MINA, TARA, Scene, buttons, ref_of, token_of
from trading.lib import clock
from users.models import CallbackToken


def asked(scene: Scene) -> str:
    scene.say(TARA, "/rfq buy 10000 EUR")
    return ref_of(scene.card(TARA))


def test_quote_button_asks_for_the_price_and_repeats_it(scene: Scene) -> None:
    ref = asked(scene)
    assert buttons(scene.card(LEO)) == ["Quote", "Pass"]
    scene.press(LEO, scene.card(LEO), "Quote")
    assert f"Your price for {ref}?" in scene.screen(LEO)[-1]["text"]
    scene.say(LEO, "0.9213")

    assert f"Firm on {ref}: 0.9213, until" in scene.screen(LEO)[-1]["text"]
    assert Quote.objects.get().price == Decimal("0.9213")
    assert buttons(scene.card(LEO)) == ["Quote again", "Pull my quote"]
    assert "did not understand" in scene.say(LEO, "0.9300")[-1]["text"]  # nothing is asked any more
    assert Quote.objects.count() == 1


def test_the_seconds_can_be_said(scene: Scene) -> None:
    ref = asked(scene)
    scene.say(LEO, f"/quote {ref} 0.9213 45")
    made = Quote.objects.get()

    assert made.valid_until - made.created_at == timedelta(seconds=45)
    assert "10 to 60" in scene.say(LEO, f"/quote {ref} 0.9213 4000")[-1]["text"]
    assert "did not understand" in scene.say(LEO, f"/quote {ref} 0.9213 4.5")[-1]["text"]
    assert "did not understand" in scene.say(LEO, f"/quote {ref} 0.9213 45 now")[-1]["text"]


def test_answering_the_card_quotes(scene: Scene) -> None:
    asked(scene)
    card = scene.card(LEO)
    scene.answer(LEO, card, "0.9213 30")

    assert Quote.objects.get().price == Decimal("0.9213")
    assert "cannot read" in scene.answer(LEO, scene.card(LEO), "nought")[-1]["text"]


def test_a_price_far_from_the_market_is_quoted_only_when_confirmed(scene: Scene) -> None:
    ref = asked(scene)
    scene.press(LEO, scene.card(LEO), "Quote")
    (far,) = scene.say(LEO, "0.6")
    assert f"0.6000 EUR per USDT for {ref} is 34.8 % away from the market" in far["text"]
    assert buttons(far) == ["Quote 0.6000", "Cancel"]
    assert Quote.objects.count() == 0

    token = token_of(far, "Quote")
    for _ in range(3):
        scene.client.press(LEO, far["message_id"], callback_data=token, stale=True)
    scene.turn()
    assert Quote.objects.get().price == Decimal("0.6")


def test_another_price_takes_the_place_of_a_far_one_and_cancel_quotes_nothing(scene: Scene) -> None:
    asked(scene)
    scene.press(LEO, scene.card(LEO), "Quote")
    (far,) = scene.say(LEO, "0.6")
    (farther,) = scene.say(LEO, "0.61")
    assert "changed meanwhile" in scene.forge(LEO, far, token_of(far, "Quote"))
    scene.press(LEO, farther, "Cancel")

    assert "Nothing was quoted" in scene.screen(LEO)[-1]["text"]
    assert "questions are closed" in scene.forge(LEO, farther, token_of(farther, "Quote"))
    assert Quote.objects.count() == 0


def test_a_price_that_comes_after_the_end_is_refused(scene: Scene) -> None:
    ref = asked(scene)
    scene.press(LEO, scene.card(LEO), "Quote")
    scene.say(TARA, f"/cancel {ref}")

    assert f"{ref} is over" in scene.say(LEO, "0.9213")[-1]["text"]
    assert Quote.objects.count() == 0


def test_pass_by_command_and_by_button_and_twice(scene: Scene) -> None:
    ref = asked(scene)
    assert any(f"You pass on {ref}" in said["text"] for said in scene.say(LEO, f"/pass {ref}"))
    card = scene.card(LEO)
    assert "You passed" in card["text"]
    assert buttons(card) == ["Quote"]
    mina = scene.card(MINA)
    scene.press(MINA, mina, "Pass")
    scene.forge(MINA, mina, token_of(mina, "Pass"))

    assert Invitation.objects.filter(passed_at__isnull=False).count() == 2
    scene.say(LEO, f"/quote {ref} 0.9213")  # it may change its mind
    assert buttons(scene.card(LEO)) == ["Quote again", "Pull my quote"]


def test_open_lists_each_request_with_its_card_and_a_pass(scene: Scene) -> None:
    ref = asked(scene)
    listed = scene.say(LEO, "/open")[-1]
    assert buttons(listed) == [ref, "Pass"]
    scene.press(LEO, listed, "Pass")
    again = scene.say(LEO, "/open")[-1]
    assert "passed" in again["text"]
    assert buttons(again) == [ref]
    before = scene.card(LEO)["message_id"]
    scene.press(LEO, again, ref)

    assert scene.card(LEO)["message_id"] > before


def test_pull_alone_offers_the_live_quotes_and_all_of_them(scene: Scene) -> None:
    first, second = asked(scene), asked(scene)
    for ref in (first, second):
        scene.say(LEO, f"/quote {ref} 0.9213")
        scene.say(MINA, f"/quote {ref} 0.9214")
    listed = scene.say(LEO, "/pull")[-1]
    assert buttons(listed) == [f"{second} · 0.9213", f"{first} · 0.9213", "All of them"]
    scene.press(LEO, listed, second)
    scene.press(LEO, listed, "All of them")

    assert "1 quote is taken back" in scene.screen(LEO)[-1]["text"]
    assert set(Quote.objects.filter(lp=scene.market.meridian).values_list("status", flat=True)) == {"pulled"}
    assert set(Quote.objects.filter(lp=scene.market.northwind).values_list("status", flat=True)) == {"active"}
    assert "no live quote" in scene.say(LEO, "/pull")[-1]["text"]
    assert "no such quote" in scene.say(LEO, "/pull all")[-1]["text"]


def test_an_old_button_for_all_of_them_does_nothing(scene: Scene) -> None:
    ref = asked(scene)
    scene.say(LEO, f"/quote {ref} 0.9213")
    listed = scene.say(LEO, "/pull")[-1]
    CallbackToken.objects.filter(action="quote.pull_all").update(created_at=clock.now() - timedelta(minutes=11))

    assert "changed meanwhile" in scene.forge(LEO, listed, token_of(listed, "All"))
    assert Quote.objects.get().status == "active"


def test_a_trader_can_do_none_of_it(scene: Scene) -> None:
    ref = asked(scene)
    for words in (f"/pass {ref}", "/pull", "/pull all", "/open", f"/quote {ref} 0.92"):
        assert "roles do not allow" in scene.say(TARA, words)[-1]["text"]


def test_anothers_button_quotes_nothing(scene: Scene) -> None:
    asked(scene)
    token = token_of(scene.card(LEO), "Quote")

    assert "does not work here" in scene.forge(MINA, scene.card(MINA), token)


def test_a_paused_lp_is_refused_with_the_reason(scene: Scene) -> None:
    ref = asked(scene)
    lp, ops = scene.market.meridian.ref, factories.user("ops")
    operations.pause_lp(lp_ref=lp, actor=ops, reason="too many rejects this morning", now=clock.now())

    assert "paused" in scene.say(LEO, f"/quote {ref} 0.9213")[-1]["text"]
