"""A whole trade in Telegram, and what each side gets to see of it."""

import json
from decimal import Decimal

from alerting.models import OutboundMessage
from rfq import operations
from rfq.models import Fill, Rfq
from tests import factories
from tests.bot.scene import LEO, MINA, TARA, Scene, buttons, ref_of, token_of
from trading.lib import clock


def asked(scene: Scene) -> str:
    scene.say(TARA, "/rfq buy 10000 EUR")
    return ref_of(scene.card(TARA))


def quoted(scene: Scene) -> str:
    ref = asked(scene)
    scene.say(LEO, f"/quote {ref} 0.9213")
    return ref


def test_request_is_echoed_and_shown_on_a_card_to_client_and_lps(scene: Scene) -> None:
    echo, card = scene.say(TARA, "/rfq buy 10000 EUR")

    assert "you buy USDT for 10,000.00 EUR, USDT/EUR" in echo["text"]
    assert buttons(card) == ["Cancel"]
    ref = ref_of(card)
    assert ref in echo["text"]
    for dealer in (LEO, MINA):
        text = scene.card(dealer)["text"]
        assert f"Reply: /quote {ref} <price>" in text
        assert "You sell USDT: 10,000.00 EUR, USDT/EUR" in text


def test_quote_puts_the_all_in_price_on_the_client_card_by_an_edit(scene: Scene) -> None:
    asked(scene)
    before = scene.card(TARA)["message_id"]

    scene.say(LEO, f"/quote {ref_of(scene.card(TARA))} 0.9213")

    card = scene.card(TARA)
    assert card["message_id"] == before
    assert buttons(card) == ["Accept 0.9232", "Cancel"]  # 0.9213 and 20 bps, up to a tick
    assert "0.9213" not in card["text"]
    assert "Your quote: 0.9213" in scene.card(LEO)["text"]


def test_quote_taken_down_by_phone_is_confirmed_in_the_lps_chat(scene: Scene) -> None:
    ref = asked(scene)
    offer = operations.Offer(ref, Decimal("0.9213"), "phone", 60)
    ops = factories.user("ops")
    operations.enter_quote(offer=offer, dealer=scene.market.leo, actor=ops, now=clock.now())
    scene.work()

    card = scene.card(LEO)
    assert "The desk took your quote down by phone: 0.9213" in card["text"]
    assert buttons(card) == ["Confirm 0.9213", "Pull my quote"]
    assert "phone" not in scene.card(MINA)["text"]
    assert buttons(scene.card(TARA)) == ["Cancel"]

    scene.press(LEO, card, "Confirm")

    assert buttons(scene.card(TARA)) == ["Accept 0.9232", "Cancel"]
    assert buttons(scene.card(LEO)) == ["Quote again", "Pull my quote"]


def test_what_was_refused_or_never_confirmed_does_not_hide_how_the_firm_quote_ended(scene: Scene) -> None:
    ref = quoted(scene)
    offer = operations.Offer(ref, Decimal("0.9190"), "phone", 60)
    ops = factories.user("ops")
    operations.enter_quote(offer=offer, dealer=scene.market.leo, actor=ops, now=clock.now())
    scene.work()
    assert buttons(scene.card(LEO)) == ["Confirm 0.9190", "Pull my quote"]
    scene.say(LEO, f"/quote {ref} 9.9")  # far from the market: refused, and on record

    scene.press(TARA, scene.card(TARA), "Accept")
    scene.press(TARA, scene.card(TARA), "Confirm")

    assert "You traded. Price 0.9213" in scene.card(LEO)["text"]


def test_accept_shows_full_terms_and_back_returns(scene: Scene) -> None:
    quoted(scene)
    scene.press(TARA, scene.card(TARA), "Accept")
    confirm = scene.card(TARA)

    assert buttons(confirm) == ["Confirm: buy 10,831.889081 USDT", "Back"]
    for words in ("0.9232", "10,000.00 EUR", scene.market.address.address, "Network fee", "Firm until"):
        assert words in confirm["text"]
    assert Fill.objects.count() == 0

    scene.press(TARA, confirm, "Back")
    assert buttons(scene.card(TARA))[0].startswith("Accept")


def test_confirm_trades_closes_the_cards_and_ends_in_a_receipt(scene: Scene) -> None:
    ref = quoted(scene)
    scene.say(MINA, f"/quote {ref} 0.9214")
    scene.press(TARA, scene.card(TARA), "Accept")

    scene.press(TARA, scene.card(TARA), "Confirm")

    card, fill = scene.card(TARA), Fill.objects.get()
    assert "Traded" in card["text"]
    assert fill.ref in card["text"]
    assert buttons(card) == []
    assert buttons(scene.card(LEO)) == []
    scene.until(lambda: "Receipt" in scene.screen(TARA)[-1]["text"])
    receipt = scene.screen(TARA)[-1]["text"]
    transaction = fill.settlement.transfers.get().attempts.get().tx_hash
    for words in (
        fill.settlement.ref,
        "You bought 10,831.889081 USDT",
        "0.9232",
        scene.market.address.address,
        transaction,
    ):
        assert words in receipt
    scene.until(lambda: "Settled" in scene.screen(LEO)[-1]["text"])
    assert any("You sell 10,831.889081 USDT at 0.9213" in m["text"] for m in scene.screen(LEO))
    assert "Your 0.9214 was the cover" in scene.card(MINA)["text"]
    assert len(scene.screen(MINA)) == 1  # its card, and nothing of the others' trade


def test_lp_gets_no_byte_of_the_client_nor_of_other_lps(scene: Scene) -> None:
    ref = quoted(scene)
    scene.say(MINA, f"/quote {ref} 0.9214")
    scene.press(TARA, scene.card(TARA), "Accept")
    scene.press(TARA, scene.card(TARA), "Confirm")
    scene.until(lambda: "Settled" in scene.screen(LEO)[-1]["text"])

    client, tara = scene.market.client, scene.market.tara
    for dealer, other in ((LEO, scene.market.northwind), (MINA, scene.market.meridian)):
        seen = json.dumps(scene.client.changes(dealer), ensure_ascii=False)
        for secret in (
            client.name,
            client.ref,
            tara.username,
            str(TARA),
            other.name,
            "0.9232",
            scene.market.address.address,
        ):
            assert secret not in seen
    assert "0.9214" not in json.dumps(scene.client.changes(LEO))
    assert "0.9213" not in json.dumps(scene.client.changes(MINA))
    assert scene.market.meridian.name not in json.dumps(scene.client.changes(TARA))


def test_cancel_button_and_command_close_the_cards(scene: Scene) -> None:
    asked(scene)
    scene.press(TARA, scene.card(TARA), "Cancel")

    assert "Cancelled" in scene.card(TARA)["text"]
    assert buttons(scene.card(TARA)) == ["Ask again"]
    assert "Closed" in scene.card(LEO)["text"]

    ref = asked(scene)
    scene.say(TARA, f"/cancel {ref.lower()}")
    assert Rfq.objects.get(ref=ref).status == "cancelled"


def test_lp_pulls_by_command_and_by_button(scene: Scene) -> None:
    ref = quoted(scene)
    scene.say(LEO, f"/pull {ref}")
    assert buttons(scene.card(TARA)) == ["Cancel"]
    assert "no live quote" in scene.card(LEO)["text"]

    scene.say(LEO, f"/quote {ref} 0.9220")
    scene.press(LEO, scene.card(LEO), "Pull")
    assert buttons(scene.card(TARA)) == ["Cancel"]


def test_accept_of_a_quote_that_went_away_says_so(scene: Scene) -> None:
    ref = quoted(scene)
    old = scene.card(TARA)
    token = token_of(old, "Accept")
    scene.say(LEO, f"/pull {ref}")

    assert "changed meanwhile" in scene.forge(TARA, old, token)


def test_quote_under_review_that_goes_away_leaves_the_best_with_a_note(scene: Scene) -> None:
    ref = quoted(scene)
    scene.press(TARA, scene.card(TARA), "Accept")
    scene.say(MINA, f"/quote {ref} 0.9300")
    assert buttons(scene.card(TARA))[0].startswith("Confirm")  # firm: a newcomer does not disturb
    assert "better" not in scene.card(TARA)["text"]

    scene.say(LEO, f"/pull {ref}")

    card = scene.card(TARA)
    assert "The quote you were looking at is gone" in card["text"]
    assert buttons(card)[0] == "Accept 0.9319"


def test_a_better_quote_is_told_on_the_confirmation_and_the_chosen_one_stays(scene: Scene) -> None:
    ref = quoted(scene)
    scene.press(TARA, scene.card(TARA), "Accept")
    scene.say(MINA, f"/quote {ref} 0.9100")

    card = scene.card(TARA)
    assert "Meanwhile there is a better price: 0.9119" in card["text"]
    assert "Price: 0.9232" in card["text"]
    scene.press(TARA, card, "Back")
    assert buttons(scene.card(TARA))[0] == "Accept 0.9119"


def test_the_only_quote_under_review_that_goes_away_is_told(scene: Scene) -> None:
    ref = quoted(scene)
    scene.press(TARA, scene.card(TARA), "Accept")
    scene.say(LEO, f"/pull {ref}")

    card = scene.card(TARA)
    assert "The quote you were looking at is gone" in card["text"]
    assert "Waiting for quotes" in card["text"]
    assert buttons(card) == ["Cancel"]


def test_confirmation_shows_the_whole_address_its_network_and_both_ends(scene: Scene) -> None:
    quoted(scene)
    scene.press(TARA, scene.card(TARA), "Accept")

    text = scene.card(TARA)["text"]
    address = scene.market.address
    for words in (f"{address.address} ({address.chain})", "Network fee: paid by the desk", "Firm until", "Open until"):
        assert words in text


def test_ask_again_repeats_the_request_and_pressed_twice_asks_once(scene: Scene) -> None:
    asked(scene)
    scene.press(TARA, scene.card(TARA), "Cancel")
    old = scene.card(TARA)
    scene.press(TARA, old, "Ask again")
    scene.press(TARA, old, "Ask again")

    first, second = Rfq.objects.order_by("pk")
    assert (second.side, second.quote_amount, second.destination) == ("buy", first.quote_amount, first.destination)
    assert second.ref in scene.card(TARA)["text"]
    scene.say(TARA, f"/cancel {second.ref}")
    assert f"{second.ref} is over" in scene.forge(TARA, old, token_of(old, "Ask again"))
    assert Rfq.objects.count() == 2


def test_a_card_is_opened_again_further_down(scene: Scene) -> None:
    ref = quoted(scene)
    old = scene.card(TARA)["message_id"]
    listed = scene.say(TARA, "/orders")[-1]
    assert buttons(listed) == [ref]
    scene.press(TARA, listed, ref)

    cards = [m for m in scene.screen(TARA) if m["text"].startswith(ref)]
    assert [m["message_id"] == old for m in cards] == [True, False]
    assert "shown further down" in cards[0]["text"]
    assert buttons(cards[0]) == []
    assert buttons(cards[1]) == ["Accept 0.9232", "Cancel"]

    scene.say(TARA, f"/cancel {ref}")
    scene.say(TARA, f"/orders {ref.lower()}")  # an ended one, too
    assert "Cancelled" in scene.screen(TARA)[-1]["text"]
    assert f"no RFQ {ref} for you" not in scene.screen(TARA)[-1]["text"]
    assert "no RFQ RFQ-NONE for you" in scene.say(TARA, "/orders RFQ-NONE")[-1]["text"]


def test_cancel_alone_offers_the_open_ones(scene: Scene) -> None:
    ref = asked(scene)
    listed = scene.say(TARA, "/cancel")[-1]
    assert buttons(listed) == [f"Cancel {ref} · 10,000.00 EUR"]
    scene.press(TARA, listed, "Cancel")

    assert Rfq.objects.get(ref=ref).status == "cancelled"
    assert "is over" in scene.forge(TARA, listed, token_of(listed, "Cancel"))
    assert "no open request" in scene.say(TARA, "/cancel")[-1]["text"]


def edits_of(scene: Scene, chat_id: int) -> int:
    """How often the bot edited a message of this chat."""
    calls = scene.client.state()["calls"]
    return sum(call["method"] == "editMessageText" and call["chat_id"] == chat_id for call in calls)


def test_many_changes_of_a_card_that_waits_become_one_edit(scene: Scene) -> None:
    ref = asked(scene)
    scene.client.fault("error", status=429, method="editMessageText", chat_id=TARA, times=1, retry_after=2)
    before = edits_of(scene, TARA)
    for step in range(12):
        factories.quote(Rfq.objects.get(ref=ref), scene.market.leo, f"0.92{step + 20}")
    scene.until(lambda: not OutboundMessage.objects.filter(chat_id=TARA, status="waiting").exists(), seconds=10)

    assert buttons(scene.card(TARA))[0].startswith("Accept 0.925")
    assert edits_of(scene, TARA) - before <= 3  # refused once; the rest show what stands when it is their turn


def test_lists_show_what_stands(scene: Scene) -> None:
    ref = quoted(scene)

    assert f"{ref} · buy 10,000.00 EUR · USDT/EUR · Quoted" in scene.say(TARA, "/orders")[-1]["text"]
    assert f"{ref} · 10,000.00 EUR · USDT/EUR · 0.9232" in scene.say(TARA, "/quotes")[-1]["text"]
    assert f"{ref} · you sell 10,000.00 EUR · USDT/EUR · your quote 0.9213" in scene.say(LEO, "/open")[-1]["text"]
    assert f"{ref} · you sell 10,000.00 EUR · USDT/EUR" in scene.say(MINA, "/open")[-1]["text"]
    assert "0.9213" not in scene.say(MINA, "/open")[-1]["text"]
