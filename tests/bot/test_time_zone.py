"""`/timezone`: by button, by name, by city; and the clock of what is written after it."""

import pytest

from tests.bot.scene import NAVID, TARA, Scene, buttons, token_of
from trading.lib import zones
from trading.lib.zones import ManyZones, UnknownZone
from users.models import AuditEvent


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_zone_is_found_by_its_name_or_its_city(written: str, zone: str) -> None:
    assert zones.named(written) == zone


def test_what_is_no_zone_or_several_is_refused() -> None:
    with pytest.raises(UnknownZone):
        zones.named("Atlantis")
    with pytest.raises(UnknownZone):
        zones.named("")
    with pytest.raises(ManyZones, match="America/Kentucky/Louisville, America/Louisville"):
        zones.named("Louisville")


def test_button_sets_the_clock_of_the_person(scene: Scene) -> None:
    [page] = scene.say(TARA, "/timezone")
    assert "Your time zone is UTC" in page["text"]
    assert "Tehran" in buttons(page)

    [done] = scene.press(TARA, page, "Tehran")

    assert "I will show you times of Asia/Tehran" in done["text"]
    assert "+0330" in done["text"] or "+03:30" in done["text"]
    event = AuditEvent.objects.get(name="user.time_zone_set")
    assert (event.before, event.after) == ({"time_zone": "UTC"}, {"time_zone": "Asia/Tehran"})


def test_same_button_again_leaves_one_event(scene: Scene) -> None:
    [page] = scene.say(TARA, "/timezone")
    for _again in range(3):
        scene.client.press(TARA, page["message_id"], callback_data=token_of(page, "Dubai"), stale=True)
    scene.turn()

    assert AuditEvent.objects.filter(name="user.time_zone_set").count() == 1


def test_unknown_city_is_refused_in_words(scene: Scene) -> None:
    [refused] = scene.say(TARA, "/timezone Atlantis")
    assert "I know no time zone “Atlantis”." in refused["text"]

    [persian] = scene.say(NAVID, "/timezone Atlantis")
    assert "Atlantis" in persian["text"]
    assert "نمی‌شناسم" in persian["text"]
