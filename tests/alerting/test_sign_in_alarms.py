"""Sign-ins that look wrong are told to operations and administrators, once in a quarter of an hour."""

from datetime import timedelta

import pytest

from alerting import routing
from alerting.models import OutboundMessage
from alerting.readers import QUARTER_SECONDS
from alerting.routing import SIGN_IN_ALARMS
from tests import factories
from tests.bot.scene import LEO, NAVID, STRANGER, TARA, Scene, link
from tests.factories import REASON
from trading.lib import clock
from users import audit, operations
from users.models import TelegramLink, User
from users.operations.signing_in import WrongPassword
from users.operations.tokens import ReusedToken

OLGA, ADA = STRANGER, 7903


def hears(scene: Scene, user: User, account: int) -> User:
    """The user is linked; olga has opened the bot, so that it may write there; of the others it is known."""
    if account == OLGA:
        scene.say(account, "/start")
    link(user, account)
    if account != OLGA:
        TelegramLink.objects.filter(telegram_id=account).update(unreachable_at=clock.now())
    return user


def texts(account: int) -> list[str]:
    """What the outbox has for an account, whether it can be written to or not."""
    return [row.payload["text"] for row in OutboundMessage.objects.filter(chat_id=account, key__startswith="alarm:")]


def lock_out(username: str, *, address: str = "192.0.2.1") -> None:
    for _again in range(5):
        with pytest.raises(WrongPassword):
            operations.check_password(username=username, password="wrong", address=address, now=clock.now())


def alarms(name: str) -> list[OutboundMessage]:
    return list(OutboundMessage.objects.filter(key__startswith=f"alarm:{name}:").order_by("pk"))


def test_a_lock_out_is_told_to_operations_and_administrators_alone(scene: Scene) -> None:
    hears(scene, factories.user("ops", username="olga"), OLGA)
    hears(scene, factories.user("admin", username="ada", language="fa"), ADA)

    lock_out(scene.market.tara.username)
    scene.work()

    (olgas,), (adas,) = scene.look(OLGA), texts(ADA)
    assert olgas["text"].startswith("⚠️ Too many wrong passwords or codes: locked out for a while.")
    assert scene.market.tara.username in olgas["text"]
    assert adas.startswith("⚠️ <b>گذرواژه یا رمز نادرست بسیار")
    assert [scene.look(who) for who in (TARA, NAVID, LEO)] == [[], [], []]


def test_approvers_and_auditors_hear_nothing_of_it(scene: Scene) -> None:
    hears(scene, factories.user("approver"), OLGA)
    hears(scene, factories.user("auditor"), ADA)

    lock_out(scene.market.tara.username)
    scene.work()

    assert (texts(OLGA), texts(ADA)) == ([], [])


def test_the_same_about_the_same_login_is_told_once_in_a_quarter_of_an_hour(scene: Scene) -> None:
    hears(scene, factories.user("ops"), OLGA)
    tara, leo = scene.market.tara, scene.market.leo
    begins = clock.now().replace(minute=0, second=0, microsecond=0)
    last = begins + timedelta(seconds=QUARTER_SECONDS - 1)
    events = [
        audit.record("passkey.counter_went_back", actor=user, subject=user, at=at)
        for user, at in ((tara, begins), (tara, last), (leo, last), (tara, last + timedelta(seconds=1)))
    ]

    for event in events:
        routing.dispatch(event.pk, now=clock.now())
        routing.dispatch(event.pk, now=clock.now())

    subjects = [alarm.key.split(":")[2] for alarm in alarms("passkey.counter_went_back")]
    assert subjects == [tara.ref, leo.ref, tara.ref]


def test_a_refresh_token_that_came_twice_is_told(scene: Scene) -> None:
    hears(scene, factories.user("ops"), OLGA)
    tara = scene.market.tara
    made = operations.issue_tokens(user=tara, address=None, now=clock.now())
    operations.refresh_tokens(refresh=made.refresh, now=clock.now())

    with pytest.raises(ReusedToken):
        operations.refresh_tokens(refresh=made.refresh, now=clock.now())
    scene.work()

    (told,) = scene.look(OLGA)
    assert "A refresh token came twice" in told["text"]


def test_who_does_not_serve_the_counterparty_hears_nothing(scene: Scene) -> None:
    olga = hears(scene, factories.user("ops"), OLGA)
    hears(scene, factories.user("ops"), ADA)
    other = factories.counterparty()
    operations.narrow_scope(user=olga, keep=[other], actor=factories.founders()[0], reason=REASON, now=clock.now())

    lock_out(scene.market.tara.username)
    scene.work()

    assert scene.look(OLGA) == []
    assert len(texts(ADA)) == 1


def test_names_nobody_has_alarm_nobody(scene: Scene) -> None:
    hears(scene, factories.user("ops"), OLGA)

    lock_out("nobody-of-this-name")
    scene.work()

    assert scene.look(OLGA) == []


def test_each_of_these_events_has_its_words() -> None:
    assert set(SIGN_IN_ALARMS) == {
        "sign_in.locked_out",
        "token.reused",
        "passkey.counter_went_back",
    }
