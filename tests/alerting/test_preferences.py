"""What people want to be told, and how loudly; what of it reaches the outbox."""

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from alerting import preferences, routing
from alerting.models import NotificationChoice, OutboundMessage, QuietHours
from rfq import operations as rfq_operations
from rfq.operations import RfqRequest
from tests import factories
from tests.factories import Market
from trading.lib import clock
from users import operations as user_operations
from users.models import AuditEvent, User

pytestmark = pytest.mark.usefixtures("db")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 4, 0, 30, tzinfo=UTC)


@pytest.fixture
def market() -> Market:
    market = factories.market()
    for number, user in enumerate((market.tara, market.leo, market.mina), start=9001):
        user_operations.link_telegram(user=user, telegram_id=number, now=clock.now())
    return market


def told_of_a_request(market: Market, *, now: datetime) -> dict[int, dict[str, object]]:
    """Payloads of what a request from the API makes the desk say, by reader."""
    asked = RfqRequest("USDT/EUR", "buy", Decimal(10000), "EUR", client_rfq_id="one")
    made = rfq_operations.create_rfq(actor=market.tara, request=asked, now=clock.now())
    event = AuditEvent.objects.get(name="rfq.created", subject_ref=made.ref)
    routing.dispatch(event.pk, now=now)
    return {row.user_id or 0: row.payload for row in OutboundMessage.objects.all()}


def test_who_chose_nothing_is_told_with_sound(market: Market) -> None:
    told = told_of_a_request(market, now=NOON)

    assert told.keys() == {market.tara.pk, market.leo.pk, market.mina.pk}
    assert not any("silent" in payload for payload in told.values())


def test_silent_topic_comes_without_sound_and_one_switched_off_not_at_all(market: Market) -> None:
    preferences.choose_level(actor=market.leo, topic="requests", level="silent", now=NOON)
    preferences.choose_level(actor=market.mina, topic="requests", level="off", now=NOON)

    told = told_of_a_request(market, now=NOON)

    assert told[market.leo.pk]["silent"] is True
    assert market.mina.pk not in told
    assert "silent" not in told[market.tara.pk]


@pytest.mark.parametrize(("now", "is_silent"), [(NOON, False), (MIDNIGHT, True)])
def test_quiet_hours_take_the_sound_on_the_persons_own_clock(market: Market, now: datetime, *, is_silent: bool) -> None:
    User.objects.filter(pk=market.leo.pk).update(time_zone="Europe/Berlin")
    preferences.set_quiet_hours(actor=market.leo, window="22:00-07:00", now=NOON)

    told = told_of_a_request(market, now=now)

    assert told[market.leo.pk].get("silent", False) is is_silent
    assert "silent" not in told[market.mina.pk]


def test_notice_that_an_account_is_cut_off_sounds_in_quiet_hours_too(market: Market) -> None:
    preferences.set_quiet_hours(actor=market.leo, window="00:00-23:59", now=NOON)
    user_operations.end_link(user=market.leo, actor=market.leo, reason="", now=clock.now())
    event = AuditEvent.objects.get(name="telegram.ended")
    OutboundMessage.objects.all().delete()

    routing.dispatch(event.pk, now=NOON)

    assert "silent" not in OutboundMessage.objects.get(chat_id=9002, method="send").payload


@pytest.mark.parametrize(
    ("starts", "ends", "at", "is_quiet"),
    [
        (time(22), time(7), 22, True),
        (time(22), time(7), 6, True),
        (time(22), time(7), 7, False),
        (time(1), time(7), 0, False),
        (time(1), time(7), 1, True),
        (time(1), time(7), 7, False),
    ],
)
def test_quiet_hours_include_their_start_and_not_their_end(
    starts: time, ends: time, at: int, *, is_quiet: bool
) -> None:
    assert QuietHours(starts=starts, ends=ends).cover(NOON.replace(hour=at), "UTC") is is_quiet


def test_choice_is_kept_once_and_leaves_one_event(market: Market) -> None:
    for _again in range(2):
        preferences.choose_level(actor=market.leo, topic="trades", level="off", now=NOON)

    assert NotificationChoice.objects.get(user=market.leo).level == "off"
    event = AuditEvent.objects.get(name="notification.level_chosen")
    assert (event.before, event.after) == ({"trades": "on"}, {"trades": "off"})


def test_topic_of_another_side_is_refused_with_those_that_are_known(market: Market) -> None:
    with pytest.raises(preferences.UnknownTopic) as refusal:
        preferences.choose_level(actor=market.tara, topic="requests", level="off", now=NOON)

    assert refusal.value.sentence == "I do not know “requests”. Choose one of: settlements, money, disputes."
    assert not NotificationChoice.objects.exists()


def test_level_that_is_none_is_refused(market: Market) -> None:
    with pytest.raises(preferences.UnknownLevel):
        preferences.choose_level(actor=market.leo, topic="trades", level="loud", now=NOON)


@pytest.mark.parametrize(
    "window", ["", "22", "25:00-07:00", "22:00-22:00", "22:00", "22:00-07:60", "22:00-07:00-08:00"]
)
def test_hours_that_are_none_are_refused(market: Market, window: str) -> None:
    with pytest.raises(preferences.NotQuietHours):
        preferences.set_quiet_hours(actor=market.leo, window=window, now=NOON)

    assert not QuietHours.objects.exists()


def test_quiet_hours_can_be_written_in_persian_digits_and_ended(market: Market) -> None:
    preferences.set_quiet_hours(actor=market.leo, window="۲۲:۳۰-۷:۰۰", now=NOON)
    assert str(QuietHours.objects.get(user=market.leo)) == "22:30–07:00"

    preferences.set_quiet_hours(actor=market.leo, window="off", now=NOON)

    assert not QuietHours.objects.exists()
    assert AuditEvent.objects.filter(name="notification.quiet_hours_set").count() == 2
