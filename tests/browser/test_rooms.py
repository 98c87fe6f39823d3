"""The rooms, in every look: no barrier, no policy violation, no script error, nothing cut off."""

import time
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from rfq import tasks
from rfq.models import KeptReport
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console import scene
from trading.lib import clock
from users.models import User

MOST_BYTES = 110 * 1024
MOST_NODES = 550


def rooms(built: scene.Scene) -> list[str]:
    filled = next(rfq for rfq in built.rfqs if rfq.status == "filled")
    settled = next(item for item in built.settlements if item.status == "settled")
    lp = settled.lp
    return [
        "/",
        "/rfqs/",
        "/rfqs/?q=nobody",
        "/settlements/",
        "/rates/",
        "/system/",
        f"/rfqs/{filled.ref}/",
        f"/settlements/{settled.ref}/",
        "/lps/",
        f"/lps/{lp.ref}/?window=30d",
        "/exposure/",
        "/lp-positions/",
        f"/counterparties/{filled.counterparty.ref}/",
        "/money/WITHDRAWALS/",
        "/market/",
        "/pairs/EUR/?act=pair.change",
        f"/counterparties/{filled.counterparty.ref}/terms/?act=terms.change&pair=EUR",
        f"/counterparties/{lp.ref}/terms/?act=hours.change",
        "/no/such/room/",
    ]


@in_looks("olga", "amir")
def test_rooms_are_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    built = scene.build(8)
    scene.rates()
    tasks.keep_reports(timestamp=0)
    KeptReport.objects.filter(pk="revenue").update(as_of=clock.now() - timedelta(days=1))  # and says so
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page, expected=(404,))
    for room in rooms(built):
        page.goto(room)
        watch.check()
    expected = ("fa", "rtl") if who == "amir" else ("en", "ltr")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == list(expected)


@pytest.mark.parametrize("who", ["olga", "amir"])
def test_decimals_line_up_in_both_directions(
    opened: Opener, server: str, request: pytest.FixtureRequest, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    scene.build(8)
    page = sign_in(opened(), user, server)
    page.goto("/settlements/")

    edges = page.eval_on_selector_all("td.c-amt .dec", "nodes => nodes.map(node => node.getBoundingClientRect().left)")

    assert len(edges) > 2
    assert max(edges) - min(edges) <= 1  # the total is bold, which costs half a pixel


def test_dashboard_keeps_its_budget(opened: Opener, server: str, olga: User) -> None:
    scene.build(30)
    page = sign_in(opened(), olga, server)
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => shift += entry.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto("/", wait_until="networkidle")

    sent = page.evaluate(
        "performance.getEntries().filter(entry => entry.encodedBodySize !== undefined)"
        ".map(entry => [entry.name, entry.encodedBodySize])"
    )
    total = sum(size for _name, size in sent)
    nodes = page.evaluate("document.querySelectorAll('*').length")

    assert total <= MOST_BYTES, sent
    assert nodes <= MOST_NODES
    assert page.evaluate("shift") < 0.01


def test_blotter_shows_a_new_rfq_by_itself(opened: Opener, server: str, olga: User) -> None:
    scene.build(2)
    page = sign_in(opened(), olga, server)
    watch = Watcher(page)
    page.goto("/rfqs/")
    expect(page.locator("[data-row]")).to_have_count(2)

    scene.build(1)

    expect(page.locator("[data-row]")).to_have_count(3, timeout=8000)
    expect(page.locator("#live")).to_contain_text("Live")
    watch.check()


def scroll(page: Page, pixels: int) -> None:
    """Turn the wheel until the page is so far down: a turn before its first picture moves nothing."""
    limit = time.monotonic() + 30
    while page.evaluate("scrollY") < pixels:
        assert time.monotonic() < limit, "the page was not scrolled"
        page.mouse.wheel(0, pixels)
        page.wait_for_timeout(50)


def test_new_rows_wait_while_one_reads_further_down(opened: Opener, server: str, olga: User) -> None:
    scene.build(30)
    page = sign_in(opened(), olga, server)
    page.goto("/rfqs/")
    scroll(page, 400)

    new = scene.build(1).rfqs[0]

    button = page.get_by_role("button", name="1 new: show")
    expect(button).to_be_visible(timeout=8000)
    expect(page.locator(f"#row-{new.ref}")).to_be_hidden()
    button.click()
    expect(page.locator(f"#row-{new.ref}")).to_be_visible()
    expect(button).to_be_hidden()


def test_three_missed_polls_are_said(opened: Opener, server: str, olga: User) -> None:
    page = sign_in(opened(), olga, server)
    page.goto("/rfqs/")
    page.route("**/rfqs/?v=*", lambda route: route.abort())

    expect(page.locator("#live")).to_contain_text("Stale since", timeout=12000)
    page.unroute("**/rfqs/?v=*")
    expect(page.locator("#live")).to_contain_text("Live", timeout=8000)


def test_a_page_whose_session_is_gone_leads_to_the_sign_in(opened: Opener, server: str, olga: User) -> None:
    context = opened()
    page = sign_in(context, olga, server)
    page.goto("/rfqs/?state=live")

    context.clear_cookies()

    page.wait_for_url("**/sign-in/?next=%2Frfqs%2F%3Fstate%3Dlive", timeout=8000)


def test_keys_lead_through_the_rooms(opened: Opener, server: str, olga: User) -> None:
    built = scene.build(3)
    page = sign_in(opened(), olga, server)
    page.goto("/")

    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/rfqs/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(f"#row-{built.rfqs[1].ref} a.p")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("gs")
    expect(page).to_have_url("/rfqs/")
    page.locator("#q").fill(built.rfqs[0].ref)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/rfqs/{built.rfqs[0].ref}/")


@pytest.mark.parametrize("look", ["light", "phone"])
def test_history_is_taken_away_from_the_blotter(opened: Opener, server: str, olga: User, look: str) -> None:
    built = scene.build(4)
    page = sign_in(opened(**LOOKS[look]), olga, server)
    watch = Watcher(page)
    page.goto("/rfqs/?state=filled")
    page.locator("summary", has_text="Take the history away").click()
    watch.check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Fills as CSV").click()

    assert download.value.suggested_filename.startswith("fills-")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 1 + len(built.settlements)


def test_theme_is_remembered(opened: Opener, server: str, olga: User) -> None:
    page = sign_in(opened(color_scheme="light"), olga, server)
    page.goto("/")
    page.get_by_role("button", name="Theme").click()
    page.goto("/rfqs/")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_paper_has_whole_addresses_and_nothing_to_press(opened: Opener, server: str, olga: User) -> None:
    scene.build(4)
    page = sign_in(opened(), olga, server)
    page.goto("/settlements/?state=settled")
    page.emulate_media(media="print")

    expect(page.get_by_text(scene.ADDRESS, exact=True).first).to_be_visible()
    expect(page.locator("nav.side")).to_be_hidden()
    expect(page.locator("[data-copy]").first).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
def test_everything_works_without_script(opened: Opener, server: str, olga: User, width: int) -> None:
    built = scene.build(8)
    context = opened(java_script_enabled=False, viewport={"width": width, "height": 844})
    page = sign_in(context, olga, server)

    page.goto("/")
    expect(page.locator(".kpi")).to_have_count(6)
    _open_menu(page, width)
    page.get_by_role("link", name="Settlements", exact=False).first.click()
    expect(page.get_by_role("heading", name="Settlements")).to_be_visible()
    page.goto("/rfqs/")
    page.get_by_label("Side", exact=True).select_option("sell")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("[data-row]")).to_have_count(2)
    page.goto(f"/rfqs/{built.rfqs[1].ref}/")
    expect(page.get_by_role("heading", name=built.rfqs[1].ref)).to_be_visible()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def _open_menu(page: Page, width: int) -> None:
    if width < 960:
        page.get_by_role("button", name="Menu").click()
