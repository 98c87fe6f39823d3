"""Signing in, as a person does it."""

import base64
import time

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.browser.watch import Watcher
from tests.console import scene
from tests.console.codes import STEP, code
from users.models import User

UNPROCESSABLE = 422


def give_password(page: Page, username: str = "olga") -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(scene.PASSWORD)
    page.get_by_role("button", name="Continue").click()


def give_code(page: Page, token: str) -> None:
    page.get_by_label("One-time code").fill(token)
    page.get_by_role("button", name="Sign in", exact=True).click()


def wait_for_a_fresh_step() -> None:
    """Codes change every 30 seconds; begin early in one, so that it does not change in between."""
    if (left := STEP - time.time() % STEP) < 10:
        time.sleep(left)


def test_enrolment_leads_through_qr_code_and_recovery_codes_to_the_dashboard(
    page: Page, watch: Watcher, olga: User
) -> None:
    page.goto("/settlements/")
    watch.check()
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill(scene.PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Set up your authenticator")).to_be_visible()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    watch.check()

    key = base64.b32decode(page.locator("#secret").inner_text().replace(" ", ""))
    page.get_by_label("One-time code").fill(code(key))
    page.get_by_role("button", name="Confirm").click()

    expect(page.locator(".codes li")).to_have_count(10)
    watch.check()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url("/settlements/")
    expect(page.get_by_role("heading", name="Settlements")).to_be_visible()
    watch.check()


def test_wrong_and_reused_codes_are_told_apart_and_the_summary_has_the_focus(opened: Opener, olga: User) -> None:
    scene.authenticator(olga)
    page = opened().new_page()
    watch = Watcher(page, expected=(UNPROCESSABLE,))
    wait_for_a_fresh_step()
    token = code(scene.TOTP_KEY)
    give_password(page)
    give_code(page, token)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    give_password(page)
    give_code(page, token)
    expect(page.locator("#errors")).to_contain_text("already used")
    expect(page.locator("#errors")).to_be_focused()
    expect(page.get_by_label("One-time code")).to_have_value("")
    watch.check()

    give_code(page, "000000" if token != "000000" else "111111")
    expect(page.locator("#errors")).to_contain_text("not right")
    page.locator("#errors a").click()
    expect(page.get_by_label("One-time code")).to_be_focused()


def test_recovery_code_lets_in_when_the_phone_is_lost(page: Page, watch: Watcher, olga: User) -> None:
    give_password(page)
    key = base64.b32decode(page.locator("#secret").inner_text().replace(" ", ""))
    page.get_by_label("One-time code").fill(code(key))
    page.get_by_role("button", name="Confirm").click()
    recovery = page.locator(".codes li").first.inner_text()
    page.context.clear_cookies()

    give_password(page)
    page.get_by_role("link", name="Use a recovery code instead").click()
    watch.check()
    page.get_by_label("Recovery code").fill(recovery)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_wrong_password_keeps_the_username(opened: Opener, olga: User) -> None:
    page = opened().new_page()
    watch = Watcher(page, expected=(UNPROCESSABLE,))
    page.goto("/sign-in/")
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Continue").click()

    expect(page.locator("#errors")).to_be_focused()
    expect(page.get_by_label("Username")).to_have_value("olga")
    expect(page.get_by_label("Password")).to_have_value("")
    watch.check()


def test_sign_in_page_speaks_persian_when_asked(page: Page, watch: Watcher, olga: User) -> None:
    page.goto("/sign-in/")
    page.get_by_role("button", name="فارسی").click()

    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", name="ورود")).to_be_visible()
    watch.check()
