"""What one types survives the page's own updates: the text, the place one writes at, and the focus."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests import factories, tiers
from tests.browser.conftest import Opener, sign_in
from tests.console import scene
from trading.lib import clock
from trading.sandbox import alarms
from users.models import Role, User

TYPED = "Passport and registry extract"
CARET = 9
STATE = """() => {
    const field = document.activeElement;
    return [field.name, field.value, field.selectionStart, field.selectionEnd];
}"""
REFRESH = """() => document.querySelectorAll("[data-poll]").forEach((region) => htmx.trigger(region, "refresh"))"""

type NewRow = Callable[[], str]


@pytest.fixture
def adele(db: None) -> User:
    """Looks at everything, and approves."""
    return scene.person("adele", Role.APPROVER, Role.OPS)


def request_beside_another() -> tuple[str, str, NewRow]:
    asked = factories.propose("user.reject", factories.newcomer("newcomer").ref)

    def more() -> str:
        return factories.propose("user.reject", factories.newcomer().ref).ref

    return f"/approvals/{asked.ref}/", "reason", more


def blotter() -> tuple[str, str, NewRow]:
    scene.build(2)
    return "/rfqs/", "q", lambda: scene.build(1).rfqs[0].ref


def settlements() -> tuple[str, str, NewRow]:
    scene.build(2)
    return "/settlements/", "q", lambda: scene.build(2).settlements[0].ref


def dashboard() -> tuple[str, str, NewRow]:
    scene.build(2)
    return "/", "q", lambda: scene.build(1).rfqs[0].ref


ROOMS = [request_beside_another, blotter, settlements, dashboard]


def begin_typing(page: Page, name: str) -> None:
    field = page.locator(f"main [name={name}], header [name={name}]").last
    field.fill(TYPED)
    field.evaluate("(field, at) => field.setSelectionRange(at, at + 3, 'forward')", CARET)
    assert page.evaluate(STATE) == [name, TYPED, CARET, CARET + 3]


@pytest.mark.parametrize("room", tiers.sampled(ROOMS, request_beside_another, blotter), ids=lambda room: room.__name__)
def test_a_field_keeps_text_caret_and_focus_while_rows_come_in(
    opened: Opener, server: str, adele: User, room: Callable[[], tuple[str, str, NewRow]]
) -> None:
    path, field, more = room()
    page = sign_in(opened(), adele, server)
    page.goto(path)
    begin_typing(page, field)

    for _time in range(2):
        new = more()
        page.evaluate(REFRESH)
        expect(page.locator("[data-poll]").get_by_text(new).first).to_be_visible()
        assert page.evaluate(STATE) == [field, TYPED, CARET, CARET + 3]
    page.keyboard.type("s")
    assert page.evaluate(STATE)[1] == f"{TYPED[:CARET]}s{TYPED[CARET + 3 :]}"


@pytest.mark.parametrize("seconds", tiers.sampled([4, 30], 4))
def test_a_field_keeps_what_was_typed_through_the_pages_own_polls(
    opened: Opener, server: str, adele: User, seconds: int
) -> None:
    path, field, more = blotter()
    page = sign_in(opened(), adele, server)
    page.goto(path)
    begin_typing(page, field)

    for _poll in range(seconds // 2):
        expect(page.locator("[data-poll]").get_by_text(more()).first).to_be_visible(timeout=15_000)
        assert page.evaluate(STATE) == [field, TYPED, CARET, CARET + 3]


def test_a_region_one_types_in_waits(opened: Opener, server: str, adele: User) -> None:
    """No region of today has a field; the script holds for one that will."""
    alarms.simulate("wallet_gas_low", now=clock.now())
    page = sign_in(opened(), adele, server)
    page.goto("/alerts/")
    page.evaluate("() => document.querySelector('[data-poll]').append(document.createElement('input'))")
    page.locator("[data-poll] input").last.fill(TYPED)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.evaluate(REFRESH)
    page.wait_for_timeout(300)

    assert asked == []
    expect(page.locator("[data-poll] input").last).to_have_value(TYPED)


def test_a_session_that_is_about_to_end_says_so(opened: Opener, server: str, adele: User) -> None:
    page = sign_in(opened(), adele, server)
    page.clock.install()
    page.goto("/profile/")
    idle = int(page.locator("body").get_attribute("data-idle-seconds") or 0)
    assert idle > 300

    page.clock.run_for((idle - 121) * 1000)
    expect(page.locator("#toasts")).not_to_contain_text("Your session ends")
    page.clock.run_for(2000)
    expect(page.locator("#toasts")).to_contain_text("Your session ends in 2 minutes.")


def test_an_answer_that_takes_its_time_is_said_until_it_is_there(opened: Opener, server: str, adele: User) -> None:
    asked = factories.propose("user.reject", factories.newcomer().ref)
    page = sign_in(opened(), adele, server)
    page.goto("/approvals/?tab=open")
    bar, main = page.locator("body[data-waiting]"), page.locator("#main")
    held: list[Route] = []
    page.route("**/approvals/APR-**", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it

    page.locator(f"#open-{asked.ref}").click()
    expect(bar).to_have_count(1)
    expect(main).to_have_attribute("aria-busy", "true")
    expect(page.locator("#live-region")).to_have_text("The server is still at work.")
    held[0].continue_()

    expect(page.locator("#panel-title")).to_contain_text(asked.ref)
    expect(bar).to_have_count(0)
    expect(main).to_have_attribute("aria-busy", "false")
