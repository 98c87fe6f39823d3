"""`/notify`: choosing by buttons and by words, and what comes of it in the chat."""

from alerting.models import NotificationChoice, QuietHours
from tests.bot.scene import LEO, MINA, NAVID, TARA, Scene, buttons, token_of


def test_button_turns_a_topic_to_its_next_level_in_the_same_message(scene: Scene) -> None:
    [page] = scene.say(LEO, "/notify")
    assert "New requests for a price (requests): <b>with sound</b>" in html(page)

    [turned] = scene.press(LEO, page, "New requests for a price: silently")

    assert turned["message_id"] == page["message_id"]
    assert "New requests for a price (requests): <b>silently</b>" in html(turned)
    assert "New requests for a price: not at all" in buttons(turned)


def test_same_button_pressed_again_changes_nothing_more(scene: Scene) -> None:
    [page] = scene.say(LEO, "/notify")
    scene.press(LEO, page, "Trades: silently")
    for _again in range(3):
        scene.client.press(LEO, page["message_id"], callback_data=token_of(page, "Trades"), stale=True)
    scene.turn()

    assert NotificationChoice.objects.get(user=scene.market.leo, topic="trades").level == "silent"


def test_dealer_who_switched_requests_off_gets_no_card_and_a_silent_one_no_sound(scene: Scene) -> None:
    scene.say(LEO, "/notify requests off")
    scene.say(MINA, "/notify requests silent")
    scene.look(LEO)

    scene.say(TARA, "/rfq buy 10000 EUR")

    assert scene.look(LEO) == []
    assert scene.card(MINA)["text"]


def test_quiet_hours_by_button_and_by_words(scene: Scene) -> None:
    [page] = scene.say(TARA, "/notify")
    [quiet] = scene.press(TARA, page, "Quiet hours 22:00-07:00")
    assert "Quiet hours: 22:00–07:00, time of UTC." in quiet["text"]
    assert "No quiet hours" in buttons(quiet)

    [loud] = scene.say(TARA, "/notify quiet off")

    assert "Quiet hours: none" in loud["text"]
    assert not QuietHours.objects.exists()


def test_what_is_not_understood_is_refused_in_words(scene: Scene) -> None:
    [topic] = scene.say(TARA, "/notify weather off")
    [level] = scene.say(TARA, "/notify settlements loud")
    [hours] = scene.say(TARA, "/notify quiet at night")

    assert topic["text"] == "I do not know “weather”. Choose one of: settlements, money, disputes."
    assert level["text"] == "Write on, silent or off."
    assert hours["text"] == "I cannot read these hours. Write them like 22:00-07:00, or off."


def test_page_speaks_persian_with_persian_digits(scene: Scene) -> None:
    [page] = scene.say(NAVID, "/notify quiet ۲۲:۰۰-۰۷:۰۰")

    assert "۲۲:۰۰–۰۷:۰۰" in page["text"]
    assert "بی‌صدا" in " ".join(buttons(page))


def html(message: dict[str, object]) -> str:
    """The text with the bold parts marked, as far as this page needs it."""
    text = str(message["text"])
    entities = message.get("entities")
    assert isinstance(entities, list)
    for entity in reversed([e for e in entities if e["type"] == "bold"]):
        start, end = entity["offset"], entity["offset"] + entity["length"]
        text = f"{text[:start]}<b>{text[start:end]}</b>{text[end:]}"
    return text
