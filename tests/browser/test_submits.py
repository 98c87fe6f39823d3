"""Forms that act are sent once, and lose nothing: however often one clicks, and whatever becomes of the server."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, Request, Route, expect

from tests import factories, tiers
from tests.browser.conftest import Opener, sign_in
from tests.browser.server import START_SECONDS, DeskServer
from tests.browser.test_approvals import fresh_code
from tests.console import scene
from tests.console.codes import code
from trading.lib import clock
from trading.sandbox import alarms
from users.models import ApprovalRequest, AuditEvent, Role, User

REASON = "Passport and registry extract were compared by me."
NOT_CONFIRMED = "Nothing is confirmed"
WAITERS = """
select count(*) from pg_locks where not granted and relation = 'users_approvalrequest'::regclass
"""


@pytest.fixture
def adele(db: None) -> User:
    """An approver who reads English."""
    return scene.person("adele", Role.APPROVER)


def posts_of(page: Page) -> list[Request]:
    """Every POST that the page sends from now on."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


def click_thrice(page: Page, button: str, *, holds: bool) -> None:
    """A tenth of a second apart; if it holds, no POST reaches the server before the last click."""
    held: list[Route] = []
    if holds:
        page.route("**", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    box = page.get_by_role("button", name=button).bounding_box()
    assert box is not None
    for _click in range(3):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(100)
    for route in held:
        route.continue_()


def fill_proposal(page: Page, newcomer: User, token: str) -> None:
    page.goto(f"/users/{newcomer.ref}/?act=user.approve")
    page.get_by_label("Operations").check()
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("Secondary approver").select_option(label="Adele (adele)")
    page.get_by_label("One-time code").fill(token)


def approve(page: Page) -> tuple[str, str]:
    asked = factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    page.goto(f"/approvals/{asked.ref}/")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("One-time code").fill(fresh_code())
    return "Approve", "user.activated"


def propose(page: Page) -> tuple[str, str]:
    fill_proposal(page, factories.newcomer("newcomer"), fresh_code())
    return "Propose", "approval.proposed"


def acknowledge(page: Page) -> tuple[str, str]:
    page.goto(f"/alerts/{alarms.simulate('wallet_gas_low', now=clock.now()).ref}/")
    return "Acknowledge", "alert.acknowledged"


ACTS: dict[str, tuple[str, Callable[[Page], tuple[str, str]]]] = {
    "approve": ("adele", approve),
    "propose": ("olga", propose),
    "acknowledge": ("olga", acknowledge),
}


@pytest.mark.parametrize("act", list(ACTS))
@pytest.mark.parametrize("answer", tiers.sampled(["at once", "late"], "late"))
def test_three_clicks_send_one_post_and_write_one_row(
    opened: Opener, server: str, request: pytest.FixtureRequest, act: str, answer: str
) -> None:
    who, prepare = ACTS[act]
    people: dict[str, User] = {name: request.getfixturevalue(name) for name in ("adele", "olga")}
    page = sign_in(opened(), people[who], server)
    button, event = prepare(page)
    before = AuditEvent.objects.filter(name=event).count()
    sent = posts_of(page)

    click_thrice(page, button, holds=answer == "late")

    expect(page.locator(".said, #panel").get_by_role("status").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert [one.method for one in sent] == ["POST"]
    assert AuditEvent.objects.filter(name=event).count() == before + 1


def test_three_clicks_on_the_sign_in_send_the_password_once(page: Page, olga: User) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill(scene.PASSWORD)
    sent = posts_of(page)

    click_thrice(page, "Continue", holds=True)

    expect(page.get_by_role("heading", name="Set up your authenticator")).to_be_visible()
    assert len(sent) == 1


def test_a_copy_can_be_taken_again_and_again(opened: Opener, server: str, olga: User) -> None:
    scene.build(4)
    page = sign_in(opened(), olga, server)
    page.goto("/settlements/")

    for _time in range(2):
        with page.expect_download() as copy:
            page.get_by_role("button", name="Export CSV").click()
        assert copy.value.suggested_filename.endswith(".csv")
        page.wait_for_timeout(1100)  # a copy is not taken twice by one double click


# --- what becomes of the text -----------------------------------------------------------------


@pytest.fixture
def own_server(server: str, static_root: Path, db: None) -> Iterator[DeskServer]:
    """A second server, to be killed."""
    desk = DeskServer(static_root)
    desk.start()
    yield desk
    desk.stop()


def keeps_the_proposal(page: Page) -> None:
    expect(page.locator("#toasts")).to_contain_text(NOT_CONFIRMED)
    expect(page.get_by_label("Operations")).to_be_checked()
    expect(page.get_by_label("Reason")).to_have_value(REASON)
    expect(page.get_by_label("Secondary approver")).to_have_value(User.objects.get(username="adele").ref)
    expect(page.get_by_role("button", name="Propose")).to_be_focused()


def test_a_server_killed_in_the_middle_costs_neither_text_nor_rows(
    opened: Opener, own_server: DeskServer, olga: User, adele: User, owner: Any
) -> None:
    page = sign_in(opened(base_url=own_server.url), olga, own_server.url)
    fill_proposal(page, factories.newcomer("newcomer"), fresh_code())
    proposals = AuditEvent.objects.filter(name="approval.proposed")
    before = proposals.count()
    owner.execute("begin")
    owner.execute("lock table users_approvalrequest in exclusive mode")

    page.get_by_role("button", name="Propose").click()
    wait_for_a_waiter()
    own_server.kill()
    owner.execute("commit")

    keeps_the_proposal(page)
    assert not ApprovalRequest.objects.filter(status="pending").exists()
    assert proposals.count() == before

    own_server.start()
    page.get_by_label("One-time code").fill(code(scene.TOTP_KEY, steps_ahead=1))
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status").filter(has_text="is proposed")).to_be_visible()
    assert ApprovalRequest.objects.filter(status="pending").count() == 1
    assert proposals.count() == before + 1


def wait_for_a_waiter() -> None:
    """Until the server's statement stands before the locked table."""
    limit = time.monotonic() + START_SECONDS
    with connection.cursor() as cursor:
        while not cursor.execute(WAITERS).fetchone()[0]:
            assert time.monotonic() < limit, "nobody waits for the table"
            time.sleep(0.05)


def test_an_answer_that_is_lost_on_its_way_doubles_nothing(
    opened: Opener, server: str, olga: User, adele: User
) -> None:
    page = sign_in(opened(), olga, server)
    fill_proposal(page, factories.newcomer("newcomer"), fresh_code())
    page.route("**/proposals/**", lose_the_answer)

    page.get_by_role("button", name="Propose").click()

    keeps_the_proposal(page)
    first = ApprovalRequest.objects.get(status="pending")

    page.unroute("**/proposals/**")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status").filter(has_text=f"{first.ref} is proposed").first).to_be_visible()
    assert ApprovalRequest.objects.get(status="pending") == first
    assert AuditEvent.objects.filter(name="approval.proposed", subject_ref=first.ref).count() == 1


def lose_the_answer(route: Route) -> None:
    """The server does what it was asked; nobody hears of it."""
    route.fetch(max_redirects=0)
    route.abort("connectionreset")


@pytest.mark.parametrize("status", [403, 503])
def test_an_error_of_the_server_leaves_the_page_as_it_is_and_names_the_request(
    opened: Opener, server: str, olga: User, adele: User, status: int
) -> None:
    page = sign_in(opened(), olga, server)
    fill_proposal(page, factories.newcomer("newcomer"), "123456")
    failed = {"status": status, "headers": {"X-Request-ID": "REQ-7KQ2M4TX"}, "body": "<h1>Broken</h1>"}
    page.route("**/proposals/**", lambda route: route.fulfill(**failed))

    page.get_by_role("button", name="Propose").click()

    keeps_the_proposal(page)
    expect(page.locator("#toasts")).to_contain_text("REQ-7KQ2M4TX")
    expect(page.get_by_text("Broken")).to_have_count(0)


@pytest.mark.parametrize("form", ["propose", "decide"])
def test_who_is_signed_out_meanwhile_keeps_the_text(
    opened: Opener, server: str, olga: User, adele: User, form: str
) -> None:
    context = opened()
    if form == "propose":
        page = sign_in(context, olga, server)
        fill_proposal(page, factories.newcomer("newcomer"), "123456")
    else:
        page = sign_in(context, adele, server)
        approve(page)
    url = page.url
    context.clear_cookies(name="desk")

    page.get_by_role("button", name="Propose" if form == "propose" else "Approve").click()

    expect(page.locator("#toasts")).to_contain_text("Your session has ended. Sign in in a new tab")
    expect(page.get_by_label("Reason")).to_have_value(REASON)
    expect(page).to_have_url(url)
