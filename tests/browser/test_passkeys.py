"""Passkeys in a real browser, with an authenticator that Chromium plays: adding, signing in, deciding."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.test_approvals import REASON, fresh_code
from tests.browser.test_profile import keep_picture
from tests.browser.watch import Watcher
from tests.console import scene
from tests.users.authenticator import enrol
from users.models import ApprovalRequest, Passkey, Role, StepUp, TotpDevice, User


@pytest.fixture
def adele(db: None) -> User:
    """An approver with an authenticator app."""
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    return user


class Device:
    """The authenticator of a window: a phone that sees its owner, or does not."""

    def __init__(self, page: Page, *, verifies: bool = True) -> None:
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        kind: dict[str, Any] = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": kind})["authenticatorId"]

    def is_left_alone(self) -> None:
        """From now on it does not see its owner."""
        self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": False})


def add_passkey(page: Page, user: User, name: str = "Work phone") -> None:
    TotpDevice.objects.filter(user=user).update(last_step=-1)
    page.goto("/profile/passkeys/")
    page.locator("#id_passkey_name").fill(name)
    page.get_by_label("One-time code").fill(fresh_code())
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Make the passkey").click()


def give_password(page: Page, user: User) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(scene.PASSWORD)
    page.get_by_role("button", name="Continue").click()


def test_one_adds_a_passkey_signs_in_and_decides_with_it(opened: Opener, server: str, adele: User) -> None:
    request = factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    page = sign_in(opened(), adele, server)
    watch = Watcher(page)
    Device(page)

    add_passkey(page, adele)
    expect(page.get_by_role("status").filter(has_text="The passkey is added.")).to_be_visible()
    assert Passkey.objects.get(user=adele).name == "Work phone"

    page.context.clear_cookies()
    give_password(page, adele)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server}/")

    page.goto(f"/approvals/{request.ref}/")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("Passkey accepted by your device.")).to_be_visible()
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("status").filter(has_text="newcomer is now Active.")).to_be_visible()
    assert StepUp.objects.get(user=adele).method == "passkey"
    assert Passkey.objects.get().sign_count >= 2
    watch.check()


def test_a_device_that_does_not_see_its_owner_is_refused(opened: Opener, server: str, adele: User) -> None:
    page = sign_in(opened(), adele, server)
    device = Device(page)
    add_passkey(page, adele)
    expect(page.get_by_role("status").filter(has_text="The passkey is added.")).to_be_visible()

    device.is_left_alone()
    page.context.clear_cookies()
    give_password(page, adele)
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_text("The passkey was not used.")).to_be_visible()
    page.get_by_label("One-time code").fill(fresh_code_of(adele))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{server}/")


def fresh_code_of(user: User) -> str:
    TotpDevice.objects.filter(user=user).update(last_step=-1)
    return fresh_code()


def test_a_passkey_used_for_one_request_decides_no_other(opened: Opener, server: str, adele: User) -> None:
    first = factories.propose("user.approve", factories.newcomer("first").ref, roles=["ops"])
    second = factories.propose("user.approve", factories.newcomer("second").ref, roles=["ops"])
    page = sign_in(opened(), adele, server)
    Device(page)
    add_passkey(page, adele)
    expect(page.get_by_role("status").filter(has_text="The passkey is added.")).to_be_visible()

    page.goto(f"/approvals/{first.ref}/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("Passkey accepted by your device.")).to_be_visible()
    proof = page.locator("#panel input[name=passkey]").input_value()

    page.goto(f"/approvals/{second.ref}/")
    page.get_by_label("Reason").fill(REASON)
    page.locator("#panel input[name=passkey]").evaluate("(input, value) => (input.value = value)", proof)
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_text("Use the passkey again.").first).to_be_visible()
    assert ApprovalRequest.objects.get(pk=second.pk).status == "pending"


def test_without_javascript_the_code_form_stays(opened: Opener, adele: User) -> None:
    enrol(adele)
    page = opened(java_script_enabled=False).new_page()
    give_password(page, adele)

    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    page.get_by_label("One-time code").fill(fresh_code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/sign-in/" not in page.url


@in_looks("adele", "amir")
def test_the_passkeys_pages_are_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    _authenticator, passkey = enrol(user, "Work phone")
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)

    page.goto("/profile/passkeys/")
    expect(page.get_by_text("Work phone").first).to_be_visible()
    expect(page.locator("[data-passkey-prove]")).to_be_visible()
    watch.check()
    keep_picture(page, f"passkeys-{who}-{look.replace(' ', '-')}")
    page.goto(f"/profile/passkeys/{passkey.pk}/removal/")
    watch.check()
    keep_picture(page, f"passkey-removal-{who}-{look.replace(' ', '-')}")
