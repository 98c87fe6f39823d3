"""Alerts, rules and silences in every look, and acknowledging with one click."""

import pytest
from playwright.sync_api import expect

from alerting import handling
from alerting.models import Alert
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console import scene
from tests.factories import REASON
from trading.lib import clock
from trading.sandbox import alarms
from users.models import User

KINDS = ("wallet_gas_low", "transfer_unknown", "flagged_off", "recovery_code_used", "alerts_suppressed")


@in_looks("olga", "amir")
def test_alerts_are_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    scene.build(8)
    for kind in KINDS:
        alarms.simulate(kind, now=clock.now())
    handling.silence(kind="flagged_off", minutes=60, reason=REASON, actor=user, now=clock.now())
    alert = Alert.objects.get(type="flagged_off")
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)
    for room in (
        "/",
        "/alerts/",
        "/alerts/?state=over",
        f"/alerts/{alert.ref}/",
        "/alerts/silences/",
        "/alerts/rules/",
        "/alerts/rules/wallet_gas_low/",
    ):
        page.goto(room)
        watch.check()


def test_one_click_acknowledges_and_one_takes_it_back(opened: Opener, server: str, olga: User) -> None:
    alert = alarms.simulate("wallet_gas_low", now=clock.now())
    page = sign_in(opened(), olga, server)
    page.goto(f"/alerts/{alert.ref}/")

    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status").first).to_contain_text("nobody further is told", timeout=60_000)
    page.get_by_role("button", name="Take the acknowledgement back").click()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible(timeout=60_000)
