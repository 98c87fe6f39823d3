"""Each type of alert, simulated: it fires after it lasted, reaches the chat, is held back, counted, and over."""

from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from alerting import alert_words, engine, handling, rules
from alerting.defaults import DEFAULTS
from alerting.evaluating import FAILING, evaluate
from alerting.findings import Finding
from alerting.models import Alert, AlertNotice, AlertTally
from alerting.monitors import MONITORS
from tests import factories, jobs
from tests.bot.scene import STRANGER, Scene, buttons, link
from tests.concurrency.threads import at_once
from tests.factories import REASON
from trading.lib import clock
from trading.sandbox import alarms
from users.models import AuditEvent, User

OLGA = STRANGER


def heard(scene: Scene, words: str) -> list[Any]:
    scene.work()
    return [one for one in scene.screen(OLGA) if words in one["text"]]


@pytest.fixture
def olga(scene: Scene) -> User:
    scene.say(OLGA, "/start")
    user = factories.user("ops", username="olga")
    link(user, OLGA)
    scene.work()
    return user


def look(kind: str, found: list[Finding], at: datetime) -> None:
    engine.settle(kind=kind, findings=found, now=at)


def test_every_type_has_a_monitor_a_rule_words_and_a_simulation(db: None) -> None:
    watched = {name for monitor in MONITORS for name in monitor.types} | {FAILING}
    assert set(DEFAULTS) == set(rules.current()) == watched == set(alert_words.TITLES)
    assert set(alarms.SAMPLES) | {FAILING} == watched
    runbook = (Path(settings.BASE_DIR) / "docs" / "runbook.md").read_text()
    assert [kind for kind in DEFAULTS if f"\n| `{kind}` | " not in runbook] == []


@pytest.mark.parametrize("kind", DEFAULTS)
def test_fires_when_it_lasted_is_bounded_counted_silenced_acknowledged_and_over(db: None, kind: str) -> None:
    now, rule = clock.now(), rules.current()[kind]
    window, lasts = engine.seconds(rule.window_seconds), engine.seconds(rule.for_seconds)
    more = [Finding(f"other-{number}") for number in range(rule.notices + 1)]
    olga = factories.user("ops")

    # pending, then firing; told once
    if rule.for_seconds:
        look(kind, alarms.findings(kind, rule, now=now), now)
        assert (Alert.objects.get().status, AlertNotice.objects.count()) == ("pending", 0)
    look(kind, alarms.findings(kind, rule, now=now), now + lasts)
    alert = Alert.objects.get()
    assert (alert.status, alert.severity, alert.told_roles) == ("firing", rule.severity, list(rule.owners))
    assert list(AlertNotice.objects.values_list("kind", flat=True)) == ["fired"]

    # eight look at once at more than a window allows; what was held back is told with the next
    found = [*alarms.findings(kind, rule, now=now), *more]
    look(kind, found, now + lasts)
    at_once([lambda: look(kind, found, now + lasts * 2)] * 8)
    given = AlertNotice.objects.filter(is_held=False)
    assert (given.count(), AlertTally.objects.get().held_back) == (rule.notices, 2)
    handling.acknowledge(ref=alert.ref, actor=olga, now=now)
    look(kind, found, now + lasts * 2 + window)
    assert given.order_by("pk")[rule.notices].held_back == 2

    # silenced, nobody hears of a new one; acknowledged and over
    handling.silence(kind=kind, minutes=60, reason=REASON, actor=olga, now=now + lasts * 2 + window)
    before = given.count()
    look(kind, [Finding("quiet")], now + lasts * 2 + window)
    look(kind, [Finding("quiet")], now + lasts * 3 + window)
    assert given.count() == before
    assert (Alert.objects.get(fingerprint="quiet").status, Alert.objects.get(pk=alert.pk).status) == (
        "firing",
        "resolved",
    )


def test_all_are_delivered_in_the_chat_with_their_button_and_their_end(scene: Scene, olga: User) -> None:
    out = StringIO()
    call_command("alert_simulate", "all", stdout=out)
    assert out.getvalue().count(" is firing; told to: ops") == len(DEFAULTS)

    scene.work()
    texts = {kind: heard(scene, alert_words.title(kind)) for kind in DEFAULTS}
    for kind, found in texts.items():
        assert [buttons(one) for one in found] == [["Acknowledge"]], kind
    (low,) = texts["wallet_low"]
    assert "Free (USDT): 1\nMinimum (USDT): 10" in low["text"]

    scene.press(OLGA, low, "Acknowledge")
    assert Alert.objects.get(type="wallet_low").acknowledged_by == olga
    evaluate(now=clock.now())
    assert not Alert.objects.exclude(status="resolved").filter(type__in=["spread_wide", "wallet_low"]).exists()
    assert len(heard(scene, "It is over.")) == AuditEvent.objects.filter(name="alert.resolved").count() > 20


def test_only_who_serves_the_party_hears_of_it_and_only_desk_people(scene: Scene, olga: User) -> None:
    client = factories.counterparty()
    factories.narrowed(olga)
    look("transfer_unknown", [Finding("TRF-1", "TRF-1", counterparty_id=client.pk)], clock.now())
    assert heard(scene, "Nobody knows whether") == []
    assert AlertNotice.objects.count() == 1


def test_it_is_told_in_ones_own_language_and_clock(scene: Scene) -> None:
    scene.say(OLGA, "/start")
    link(factories.user("ops", language="fa"), OLGA)
    alarms.simulate("wallet_low", now=clock.now())
    assert heard(scene, "کیف پول")[0]["text"].count("۱") >= 1


def test_simulation_is_refused_outside_the_sandbox_and_of_what_is_no_alert(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match="There is no alert nothing"):
        call_command("alert_simulate", "nothing")
    monkeypatch.setattr(settings, "IS_SANDBOX", False)
    with pytest.raises(CommandError, match="sandbox only"):
        call_command("alert_simulate", "wallet_low")
    assert not Alert.objects.exists()
    assert jobs.names() == []
