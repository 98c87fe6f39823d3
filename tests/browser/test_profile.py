"""One's own page, as a person uses it, in every look; also without JavaScript."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener, sign_in
from tests.browser.test_rooms import LOOKS
from tests.browser.watch import Watcher
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from users.models import User


def keep_picture(page: object, name: str) -> None:
    """Leave a picture where DESK_PICTURES says, to be looked at."""
    if folder := os.environ.get("DESK_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("who", ["olga", "amir"])
@pytest.mark.parametrize("look", LOOKS)
def test_the_profile_is_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    verified_client(user)
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)

    page.goto("/profile/")

    expect(page.locator("section.card")).to_have_count(4)
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
