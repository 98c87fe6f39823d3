"""One's own page, as a person uses it, in every look; also without JavaScript."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console import scene
from tests.console.codes import code
from trading.lib import clock
from users import operations
from users.models import User


def keep_picture(page: object, name: str) -> None:
    """Leave a picture where DESK_PICTURES says, to be looked at."""
    if folder := os.environ.get("DESK_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)  # type: ignore[attr-defined]


@in_looks("olga", "amir")
def test_the_profile_is_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)

    page.goto("/profile/")

    expect(page.get_by_text("Unknown browser" if who == "olga" else "مرورگر ناشناخته")).to_have_count(1)
    watch.check()
    keep_picture(page, f"profile-{who}-{look.replace(' ', '-')}")


def test_theme_and_density_are_chosen_without_javascript(opened: Opener, server: str, olga: User) -> None:
    page = sign_in(opened(java_script_enabled=False), olga, server)
    page.goto("/profile/")

    page.locator("#id_look_theme").select_option("dark")
    page.locator("#id_look_density").select_option("comfortable")
    page.get_by_role("button", name="Keep").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).to_have_attribute("data-density", "comfortable")
    expect(page.get_by_role("status").first).to_contain_text("Kept")


def test_a_wrong_password_form_has_its_summary_in_focus(opened: Opener, server: str, olga: User) -> None:
    page = sign_in(opened(), olga, server)
    watch = Watcher(page, expected=(422,))
    page.goto("/profile/")

    page.get_by_label("Current password").fill(scene.PASSWORD)
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password again").fill("short")
    page.locator("#id_password_otp_token").fill(code(scene.TOTP_KEY))
    page.get_by_role("button", name="Change password").click()

    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#errors")).to_contain_text("New password:")
    expect(page.get_by_label("Current password")).to_have_value("")
    watch.check()


def test_a_new_password_is_set_with_a_reset_code(opened: Opener, server: str, olga: User) -> None:
    scene.authenticator(olga)
    request = factories.carry("password.reset", olga.ref)
    reset_code = operations.collect_reset(
        reset_ref=request.password_reset.ref, actor=request.requested_by, now=clock.now()
    )
    page = opened(**LOOKS["phone"]).new_page()
    watch = Watcher(page, expected=(422,))
    page.goto("/sign-in/")
    watch.check()
    page.get_by_role("link", name="I have a reset code").click()
    watch.check()

    page.get_by_label("Reset code").fill("PWR-NONE-00")
    page.get_by_label("New password", exact=True).fill("a quite different horse 47")
    page.get_by_label("New password again").fill("a quite different horse 47")
    page.get_by_role("button", name="Set the password").click()
    expect(page.locator("#errors")).to_be_focused()
    watch.check()
    keep_picture(page, "new-password")

    page.get_by_label("Reset code").fill(reset_code)
    page.get_by_label("New password", exact=True).fill("a quite different horse 47")
    page.get_by_label("New password again").fill("a quite different horse 47")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("status").first).to_contain_text("Your new password is set.")
    watch.check()
    keep_picture(page, "new-password-set")


def test_the_reset_code_is_shown_to_its_proposer(opened: Opener, server: str, olga: User, amir: User) -> None:
    first = factories.founders()[0]
    factories.carry("password.reset", amir.ref)
    page = sign_in(opened(), first, server)
    watch = Watcher(page)
    page.goto(f"/users/{amir.ref}/")
    watch.check()
    keep_picture(page, "reset-waiting")

    page.get_by_role("button", name="Show the code, once").click()

    expect(page.locator("#reset-code")).to_contain_text("PWR-")
    watch.check()
    keep_picture(page, "reset-code")


def test_a_browser_reports_what_the_policy_stopped(opened: Opener, server: str, olga: User) -> None:
    page = sign_in(opened(), olga, server)
    page.goto("/profile/")

    with page.expect_response("**/csp-report/") as sent:
        page.evaluate("() => { const image = new Image(); image.src = 'http://127.0.0.1:9/pixel'; }")

    assert sent.value.status == 204
