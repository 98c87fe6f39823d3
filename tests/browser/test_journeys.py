"""Whole journeys through the console by the keys alone, and by people whose browser runs no script."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from alerting.models import Alert
from settlement.models import Settlement
from tests import factories
from tests.browser.conftest import Opener, sign_in
from tests.browser.hands import Hands, Keys, Mouse
from tests.browser.test_approvals import fresh_code
from tests.console import scene
from trading.lib import clock
from trading.sandbox import alarms
from users.models import ApprovalRequest, Role, User

REASON = "Passport and registry extract were compared by me."
POOR = "looks fine"
HANDS: dict[str, tuple[Callable[[Page], Hands], dict[str, bool]]] = {
    "keys alone": (Keys, {}),
    "without script": (Mouse, {"java_script_enabled": False}),
}
with_both = pytest.mark.parametrize("hands", list(HANDS))

type Walk = Callable[[User], Hands]


@pytest.fixture
def walk(opened: Opener, server: str, request: pytest.FixtureRequest) -> Walk:
    """Somebody who is signed in, at an empty window, with the hands that the test names."""
    make, options = HANDS[request.node.callspec.params["hands"]]
    return lambda user: make(sign_in(opened(**options), user, server))


@pytest.fixture
def adele(db: None) -> User:
    """An approver who reads English."""
    return scene.person("adele", Role.APPROVER)


@with_both
def test_one_signs_in_and_filters_a_list(opened: Opener, olga: User, hands: str) -> None:
    scene.authenticator(olga)
    scene.build(8)
    make, options = HANDS[hands]
    one = make(opened(**options).new_page())

    one.page.goto("/rfqs/")
    one.write("Username", "olga")
    one.write("Password", "not the password")
    one.press("Continue")
    expect(one.page.locator("#errors")).to_contain_text("Username or password is wrong")
    one.write("Password", scene.PASSWORD)
    one.press("Continue")
    one.write("One-time code", fresh_code())
    one.press("Sign in")
    expect(one.page.get_by_role("heading", name="RFQ blotter")).to_be_visible()

    one.choose("Side", "Sell")
    one.press("Filter")
    expect(one.page.locator("[data-row]")).to_have_count(2)
    expect(one.page.get_by_label("Side", exact=True)).to_have_value("sell")


@with_both
def test_one_proposes_and_another_approves(walk: Walk, olga: User, adele: User, hands: str) -> None:
    newcomer = factories.newcomer("newcomer")
    one = walk(olga)
    one.page.goto(f"/users/{newcomer.ref}/")
    one.follow("Approve user")
    one.tick("Operations")
    one.write("Reason", REASON)
    one.choose("Secondary approver", "Adele (adele)")
    one.write("One-time code", fresh_code())
    one.press("Propose")
    expect(one.page.get_by_role("status").filter(has_text="is proposed")).to_be_visible()

    other = walk(adele)
    other.page.goto("/approvals/")
    other.follow("newcomer")
    other.write("Reason", REASON)
    other.write("One-time code", fresh_code())
    other.press("Approve")
    expect(other.page.get_by_role("status").filter(has_text="newcomer is now Active.")).to_be_visible()
    newcomer.refresh_from_db()
    assert (newcomer.status, newcomer.secondary_approver) == ("active", adele)


@with_both
def test_one_declines_after_an_error(walk: Walk, adele: User, hands: str) -> None:
    asked = factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    one = walk(adele)
    one.page.goto(f"/approvals/{asked.ref}/")
    one.write("Reason", POOR)
    one.write("One-time code", fresh_code())
    one.press("Decline")
    expect(one.page.get_by_role("alert")).to_contain_text("write at least 20 characters")
    expect(one.page.get_by_label("Reason")).to_have_value(POOR)
    expect(one.page.get_by_label("One-time code")).to_have_value("")

    one.follow("write at least 20 characters")
    if isinstance(one, Keys):
        expect(one.page.get_by_label("Reason")).to_be_focused()
    one.write("Reason", REASON)
    one.write("One-time code", fresh_code())
    one.press("Decline")
    expect(one.page.get_by_role("status").filter(has_text="Declined. Nothing has changed.")).to_be_visible()
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "declined"


@with_both
def test_one_releases_a_settlement(walk: Walk, olga: User, hands: str) -> None:
    ref = factories.fill(factories.market(flag_on=False)).settlement.ref
    one = walk(olga)
    one.page.goto("/settlements/")
    one.follow(ref)
    one.follow("What can be done")
    one.write("Reason", REASON)
    one.press("Release")
    expect(one.page.get_by_role("status").first).to_be_visible()
    expect(one.page.locator(".phead .chip").first).to_contain_text("Approved")
    assert Settlement.objects.get(ref=ref).status == "approved"


@with_both
def test_one_acknowledges_an_alert(walk: Walk, olga: User, hands: str) -> None:
    alert = alarms.simulate("wallet_gas_low", now=clock.now())
    one = walk(olga)
    one.page.goto("/alerts/")
    one.follow("A wallet is short of coins")
    one.press("Acknowledge")
    expect(one.page.get_by_role("status").first).to_contain_text("nobody further is told")
    assert Alert.objects.get(pk=alert.pk).status == "acknowledged"


def test_the_first_stop_leads_past_the_menu(walk_with_keys: Keys) -> None:
    page = walk_with_keys.page
    page.goto("/rfqs/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.fixture
def walk_with_keys(opened: Opener, server: str, olga: User) -> Keys:
    """Olga, signed in, without a mouse."""
    return Keys(sign_in(opened(), olga, server))
