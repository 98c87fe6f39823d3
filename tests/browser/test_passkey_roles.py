"""Roles that take a passkey, in a real browser with an authenticator that Chromium plays."""

import pytest
from playwright.sync_api import expect

from tests import factories, tiers
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS
from tests.browser.test_approvals import REASON, fresh_code
from tests.browser.test_passkeys import Device, add_passkey, give_password
from tests.browser.test_profile import keep_picture
from tests.browser.watch import Watcher
from tests.console import scene
from tests.users.authenticator import enrol
from users.models import ApprovalRequest, Passkey, Role, User
from users.operations.devices import new_recovery_codes


@pytest.fixture
def adele(db: None) -> User:
    """An approver with an authenticator app; her role takes a passkey."""
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    scene.person("ada", Role.ADMIN)
    factories.need_passkey("approver")
    return user


def test_one_is_led_to_make_a_passkey_and_signs_in_with_nothing_else(opened: Opener, server: str, adele: User) -> None:
    page = opened().new_page()
    watch = Watcher(page)
    Device(page)
    give_password(page, adele)
    page.get_by_label("One-time code").fill(fresh_code())
    page.get_by_role("button", name="Sign in", exact=True).click()

    page.wait_for_url(f"{server}/profile/passkeys/")
    expect(page.get_by_text("Your role needs a passkey. Add one before you go on.")).to_be_visible()
    page.goto("/approvals/")
    expect(page).to_have_url(f"{server}/profile/passkeys/")
    add_passkey(page, adele)
    expect(page.get_by_role("status").filter(has_text="The passkey is added.")).to_be_visible()
    page.goto("/approvals/")
    expect(page.get_by_role("heading", level=1, name="Approvals")).to_be_visible()

    page.context.clear_cookies()
    give_password(page, adele)
    expect(page.get_by_role("heading", level=1, name="Passkey")).to_be_visible()
    expect(page.get_by_label("One-time code")).to_have_count(0)
    watch.check()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server}/")
    watch.check()


def test_who_lost_the_passkey_adds_another_after_a_recovery_code(opened: Opener, server: str, adele: User) -> None:
    enrol(adele, "Lost phone")
    code = new_recovery_codes(adele)[0]
    page = opened().new_page()
    Device(page)
    give_password(page, adele)
    page.get_by_role("link", name="Use a recovery code instead").click()
    page.get_by_label("Recovery code").fill(code)
    page.get_by_role("button", name="Sign in", exact=True).click()

    page.wait_for_url(f"{server}/profile/passkeys/")
    expect(page.get_by_text("this session is for adding one")).to_be_visible()
    add_passkey(page, adele, "New phone")
    expect(page.get_by_role("status").filter(has_text="The passkey is added.")).to_be_visible()
    page.goto("/")
    expect(page).to_have_url(f"{server}/")
    assert set(Passkey.objects.values_list("name", flat=True)) == {"Lost phone", "New phone"}


def test_a_proposal_takes_the_passkey_for_what_was_typed(opened: Opener, server: str) -> None:
    olga = scene.person("olga", Role.OPS)
    newcomer, nominee = factories.newcomer("newcomer"), factories.founders()[0]
    page = sign_in(opened(), olga, server)
    Device(page)
    add_passkey(page, olga)
    expect(page.get_by_role("status").filter(has_text="The passkey is added.")).to_be_visible()
    factories.need_passkey("ops")
    page.context.clear_cookies()
    give_password(page, olga)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server}/")

    page.goto(f"/users/{newcomer.ref}/?act=user.approve")
    page.get_by_label("Operations").check()
    page.get_by_label("Secondary approver").select_option(nominee.ref)
    form = page.locator("#propose")
    form.get_by_label("Reason").fill(REASON + "\nTwo lines of it.")
    form.get_by_role("button", name="Use a passkey").click()
    said = page.get_by_text("Passkey accepted by your device.")
    expect(said).to_be_visible()
    form.get_by_label("Reason").fill(REASON + "\nAnother reason.")
    expect(said).to_be_hidden()
    assert form.locator("input[name=passkey]").input_value() == ""

    form.get_by_role("button", name="Use a passkey").click()
    expect(said).to_be_visible()
    form.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status").filter(has_text="is proposed. Nothing has changed yet")).to_be_visible()
    assert ApprovalRequest.objects.get(requested_by=olga).reason.endswith("Another reason.")


@pytest.mark.parametrize("look", tiers.sampled(list(LOOKS), "dark phone"))
def test_the_pages_are_sound_in_every_look(opened: Opener, server: str, adele: User, look: str) -> None:
    enrol(adele, "Work phone")
    page = opened(**LOOKS[look]).new_page()
    watch = Watcher(page)
    page.goto("/sign-in/")
    page.locator("#id_username").fill("adele")
    page.locator("#id_password").fill(scene.PASSWORD)
    page.locator("form button.pri").click()
    expect(page.locator("[data-passkey-prove]")).to_be_visible()
    watch.check()
    keep_picture(page, f"passkey-only-{look.replace(' ', '-')}")

    page = sign_in(opened(**LOOKS[look]), User.objects.get(username="ada"), server)
    watch = Watcher(page)
    page.goto("/policies/")
    expect(page.locator("#factor-approver")).to_be_visible()
    watch.check()
    page.goto("/policies/second-factors/admin/")
    expect(page.locator("#propose")).to_be_visible()
    watch.check()
    keep_picture(page, f"second-factor-{look.replace(' ', '-')}")
