"""What is no order of its sender: changed, passed on, too old, or from whoever bears somebody else's name."""

from datetime import timedelta
from typing import Any

from alerting import operations
from rfq.models import Rfq
from tests.bot.scene import LEO, STRANGER, TARA, Scene, buttons, token_of
from trading.lib import clock
from users.models import CallbackToken

ASK = "/rfq buy 10000 EUR"


def test_changed_message_is_answered_and_not_acted_on(scene: Scene) -> None:
    said = scene.client.say(TARA, "/rfq buy 10 EUR")
    scene.turn()
    asked = Rfq.objects.count()
    scene.look(TARA)

    scene.client.edit(TARA, said["message_id"], ASK)
    scene.turn()

    assert [m["text"] for m in scene.look(TARA)] == [
        "I have read this message already and do not act on changes to it. Please write a new one."
    ]
    assert Rfq.objects.count() == asked


def test_change_of_a_message_that_never_arrived_counts_as_said(scene: Scene) -> None:
    update = message_of(TARA, ASK, username="tara")
    edited = {"update_id": update["update_id"], "edited_message": update["message"] | {"edit_date": 1}}
    hear(scene, edited)

    assert Rfq.objects.count() == 1


def test_forwarded_message_is_refused_in_words(scene: Scene) -> None:
    said = scene.client.say(LEO, ASK)
    scene.turn()
    scene.look(TARA)

    scene.client.forward(TARA, said["message_id"], source=LEO)
    scene.turn()

    assert "This message was passed on or written by another bot" in scene.look(TARA)[-1]["text"]
    assert not Rfq.objects.exists()


def test_month_old_button_says_so_and_its_keyboard_goes(scene: Scene) -> None:
    scene.say(TARA, ASK)
    card = scene.card(TARA)
    token = token_of(card, "Cancel")
    CallbackToken.objects.filter(token=token).update(created_at=clock.now() - timedelta(days=31))

    words = scene.forge(TARA, card, token)

    assert words == "This button is too old. Ask anew: /help shows what I can do."
    assert buttons(scene.card(TARA)) == []
    assert Rfq.objects.get().status == "open"


def test_changed_username_is_the_same_person(scene: Scene) -> None:
    hear(scene, message_of(TARA, ASK, username="somebody_new"))

    assert Rfq.objects.get().requested_by == scene.market.tara


def test_whoever_takes_over_a_username_is_a_stranger(scene: Scene) -> None:
    scene.say(STRANGER, "hello")
    hear(scene, message_of(STRANGER, ASK, username="tara"))
    assert len(scene.look(STRANGER)) == 1

    assert "is not linked to the desk" in scene.screen(STRANGER)[-1]["text"]
    assert not Rfq.objects.exists()


def message_of(who: int, text: str, *, username: str) -> dict[str, Any]:
    """A message as Telegram would deliver it."""
    sender = {"id": who, "is_bot": False, "first_name": "X", "username": username}
    entity = {"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}
    chat = {"id": who, "type": "private"}
    message = {"message_id": 900_001, "date": 1, "from": sender, "chat": chat, "text": text, "entities": [entity]}
    return {"update_id": 2_000_000_000, "message": message}


def hear(scene: Scene, update: dict[str, Any]) -> None:
    """Store an update and do what it makes due."""
    operations.store_updates(updates=[update], now=clock.now())
    scene.work()
