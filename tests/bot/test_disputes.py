"""A party disputes a trade in its chat: opened, added to, withdrawn; what is not its own is not there."""

import pytest

from rfq.models import Dispute, DisputeNote, Fill
from settlement.models import Settlement
from tests import factories
from tests.bot.scene import LEO, MINA, NAVID, TARA, Scene
from tests.factories import assigned, resolved

WORDS = "The confirmation said 0.9213,\nthe receipt says otherwise."


@pytest.fixture
def fill(scene: Scene) -> Fill:
    """Tara bought from leo; it is settled, so that no receipt comes in between."""
    made = factories.fill(scene.market)
    scene.until(lambda: Settlement.objects.get(fill=made).status == Settlement.Status.SETTLED, seconds=60)
    scene.work()
    for chat_id in (TARA, NAVID, LEO, MINA):
        scene.look(chat_id)
    return made


def test_a_trade_is_disputed_added_to_and_listed(scene: Scene, fill: Fill) -> None:
    (opened,) = scene.say(TARA, f"/dispute {fill.ref.lower()} Price {WORDS}")
    made = Dispute.objects.get()
    assert (made.kind, made.text, made.party, made.opened_by) == (
        "price",
        WORDS,
        scene.market.client,
        scene.market.tara,
    )
    assert f"/dispute {made.ref} …" in opened["text"]

    (added,) = scene.say(TARA, f"/dispute {made.ref} {WORDS}")
    assert f"added to {made.ref}" in added["text"]
    assert DisputeNote.objects.get().text == WORDS

    (listed,) = scene.say(TARA, "/dispute")
    assert f"{made.ref}" in listed["text"]
    assert "/dispute FIL-… price" in listed["text"]


def test_an_lp_disputes_by_the_rfq_and_without_a_kind(scene: Scene, fill: Fill) -> None:
    scene.say(LEO, f"/dispute {fill.rfq.ref} {WORDS}")

    made = Dispute.objects.get()
    assert (made.kind, made.party) == ("other", scene.market.meridian)
    read = " ".join(str(message) for message in scene.screen(LEO))
    assert scene.market.client.name not in read


def test_it_is_withdrawn_once_and_what_is_over_says_so(scene: Scene, fill: Fill) -> None:
    scene.say(TARA, f"/dispute {fill.ref} amount {WORDS}")
    made = Dispute.objects.get()
    olga = factories.user("ops")

    (gone,) = scene.say(TARA, f"/dispute {made.ref} WITHDRAW")
    assert f"{made.ref} is withdrawn." in gone["text"]
    (over,) = scene.say(TARA, f"/dispute {made.ref} {WORDS}")
    assert "is over: Withdrawn" in over["text"]

    again = factories.dispute(fill)
    resolved(assigned(again, olga), olga)
    scene.work()
    (listed,) = [message for message in scene.say(TARA, "/dispute") if "Your latest disputes" in message["text"]]
    assert "Upheld" in listed["text"]


@pytest.mark.parametrize(
    ("who", "words", "answer"),
    [
        (TARA, "/dispute FIL-NOBODY price " + WORDS, "There is no trade FIL-NOBODY, or it is not yours."),
        (MINA, "/dispute {fill} price " + WORDS, "or it is not yours."),
        (TARA, "/dispute {fill} price too short", "Write between 20 and 1000 characters"),
        (TARA, "/dispute DSP-NOBODY " + WORDS, "There is no such thing, or it is not yours to see."),
        (NAVID, "/dispute", "آیا معامله‌ای درست نیست؟"),
    ],
)
def test_the_answer_says_what_to_do(scene: Scene, fill: Fill, who: int, words: str, answer: str) -> None:
    (said,) = scene.say(who, words.format(fill=fill.ref))

    assert answer in said["text"]
    assert not Dispute.objects.exists()
