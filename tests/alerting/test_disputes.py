"""Who hears of a dispute, in which words; and what a party never reads."""

import pytest

from rfq.models import Fill
from tests import factories
from tests.bot.scene import LEO, MINA, NAVID, STRANGER, TARA, Scene, link
from tests.factories import assigned, dispute, noted, resolved, withdrawn
from users.models import User

OLGA = STRANGER
WORDS = "The confirmation says 0.92 & the receipt <b>otherwise</b>."


@pytest.fixture
def fill(scene: Scene) -> Fill:
    """Tara bought from leo."""
    made = factories.fill(scene.market)
    scene.work()
    return made


@pytest.fixture
def olga(scene: Scene) -> User:
    """Operations, in Telegram."""
    scene.say(OLGA, "/start")
    user = factories.user("ops", username="olga")
    link(user, OLGA)
    return user


def told(scene: Scene, chat_id: int) -> list[str]:
    scene.work()
    return [message["text"] for message in scene.look(chat_id)]


def hear_no_more(scene: Scene) -> None:
    for chat_id in (TARA, NAVID, LEO, MINA, OLGA):
        told(scene, chat_id)


def test_operations_hear_of_a_new_one_with_its_words(scene: Scene, fill: Fill, olga: User) -> None:
    hear_no_more(scene)

    made = dispute(fill, by=scene.market.leo, text=WORDS)

    (text,) = told(scene, OLGA)
    for words in ("A trade is disputed", made.ref, fill.ref, scene.market.meridian.name, WORDS):
        assert words in text
    assert [told(scene, chat_id) for chat_id in (TARA, NAVID, LEO, MINA)] == [[], [], [], []]


def test_who_does_not_serve_the_client_hears_nothing(scene: Scene, fill: Fill, olga: User) -> None:
    factories.narrowed(olga)
    hear_no_more(scene)

    dispute(fill)

    assert told(scene, OLGA) == []


def test_the_party_hears_that_it_is_taken_what_the_desk_writes_and_the_end(
    scene: Scene, fill: Fill, olga: User
) -> None:
    made = dispute(fill)
    hear_no_more(scene)

    assigned(made, olga)
    taken = {chat_id: told(scene, chat_id) for chat_id in (TARA, NAVID, LEO, MINA)}
    noted(made, olga, "Only we may know this: a typing error of the LP.", is_internal=True)
    internal = [told(scene, chat_id) for chat_id in (TARA, NAVID, LEO, MINA)]
    noted(made, olga, "Which receipt do you mean, the first one?")
    (asked,), _ = told(scene, TARA), told(scene, NAVID)
    resolved(made, olga, "agreed", "You get the difference back today.")
    (ended,), (persian,) = told(scene, TARA), told(scene, NAVID)

    assert (len(taken[TARA]), len(taken[NAVID]), taken[LEO], taken[MINA]) == (1, 1, [], [])
    assert "looks after your dispute" in taken[TARA][0]
    assert internal == [[], [], [], []]
    assert "The desk writes:" in asked
    assert "Which receipt do you mean" in asked
    assert "It is settled as agreed with you." in ended
    assert "You get the difference back today." in ended
    assert "آن‌گونه که با شما توافق شد حل شد." in persian
    assert told(scene, LEO) == []


def test_who_handles_it_hears_what_the_party_writes_and_that_it_withdrew(scene: Scene, fill: Fill, olga: User) -> None:
    made = assigned(dispute(fill), olga)
    hear_no_more(scene)

    noted(made, scene.market.tara, WORDS)
    (written,), (colleague,) = told(scene, OLGA), told(scene, NAVID)
    withdrawn(made, scene.market.tara)
    (gone,) = told(scene, OLGA)

    assert WORDS in written
    assert scene.market.client.name in written
    assert "همکارتان به میز نوشت:" in colleague
    assert "no longer disputes the trade" in gone
    assert told(scene, TARA) == []


def test_a_party_hears_that_the_desk_opened_one_in_its_name(scene: Scene, fill: Fill, olga: User) -> None:
    hear_no_more(scene)

    dispute(fill, by=olga, party=scene.market.meridian)

    (text,) = told(scene, LEO)
    assert "in your name" in text
    assert (told(scene, OLGA), told(scene, TARA)) == ([], [])


def test_neither_side_ever_reads_of_the_other(scene: Scene, fill: Fill, olga: User) -> None:
    """Every message of both disputes' whole lives, in every chat, from the first to the last."""
    for by, note_by in ((None, scene.market.tara), (scene.market.leo, scene.market.leo)):
        made = assigned(dispute(fill, by=by), olga)
        noted(made, olga, "Please send us the confirmation that you have.")
        noted(made, note_by, "Here it is, attached to the mail of today.")
        resolved(made, olga, "rejected", "The confirmation shows the traded price.")
    scene.work()

    client, lp = scene.market.client, scene.market.meridian
    for chat_id, other, trader in ((LEO, client, scene.market.tara), (TARA, lp, scene.market.leo)):
        read = " ".join(str(message) for message in scene.screen(chat_id))
        assert "Dispute resolved" in read
        for secret in (other.name, other.ref, trader.username, trader.ref, "olga", olga.ref):
            assert secret not in read
    assert "ispute" not in " ".join(str(message) for message in scene.screen(MINA))
