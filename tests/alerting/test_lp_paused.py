"""An LP that its own numbers paused hears of it, and so do the operations who serve it."""

from alerting.models import OutboundMessage
from rfq import operations
from tests import factories
from tests.bot.scene import LEO, NAVID, STRANGER, TARA, Scene, link
from trading.lib import clock
from users.models import User

OLGA = STRANGER
WHY = "It answered 2 of its last 5 requests; 50 % are asked for."


def ops(scene: Scene) -> User:
    user = factories.user("ops", username="olga")
    scene.say(OLGA, "/start")
    link(user, OLGA)
    return user


def pause(scene: Scene, actor: User | None = None) -> None:
    operations.pause_lp(lp_ref=scene.market.meridian.ref, actor=actor, reason=WHY, now=clock.now())
    scene.work()


def texts(account: int) -> list[str]:
    written = [row.payload["text"] for row in OutboundMessage.objects.filter(chat_id=account, method="send")]
    return [text for text in written if WHY in text]


def test_lp_and_operations_hear_why_and_nobody_else(scene: Scene) -> None:
    ops(scene)

    pause(scene)

    (leos,), (olgas,) = texts(LEO), texts(OLGA)
    assert "Contact the desk to quote again." in leos
    assert f"{scene.market.meridian.name} is paused by its own numbers" in olgas
    assert "Two people of the desk" in olgas
    assert [texts(who) for who in (TARA, NAVID)] == [[], []]


def test_pause_by_a_person_is_told_to_nobody(scene: Scene) -> None:
    olga = ops(scene)

    pause(scene, olga)

    assert [texts(who) for who in (LEO, OLGA)] == [[], []]


def test_operations_who_do_not_serve_it_hear_nothing(scene: Scene) -> None:
    factories.narrowed(ops(scene))

    pause(scene)

    assert texts(OLGA) == []
    assert len(texts(LEO)) == 1
