"""The chat page in a real browser: it works, it is accessible, and nothing breaks its policy."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.sandbox.conftest import DORA, NAVID, TARA, Sandbox, bot_api
from trading.lib.direction import lead

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
AXE = Path(__file__).resolve().parents[1] / "browser" / "vendor" / "axe.min.js"

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="No Chromium here: set CHROMIUM, or install it.")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, sandbox: Sandbox) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def card(sandbox: Sandbox, chat_id: int) -> None:
    rows = [[{"text": "Accept 0.92", "callback_data": "yes"}, {"text": "Cancel", "callback_data": "no"}]]
    bot_api(sandbox, "sendMessage", chat_id=chat_id, text="قیمت آماده است", reply_markup={"inline_keyboard": rows})


def updates(sandbox: Sandbox, count: int) -> Any:
    deadline = time.monotonic() + 10
    while len(there := bot_api(sandbox, "getUpdates")) < count:
        assert time.monotonic() < deadline, f"only {there} arrived"
        time.sleep(0.1)
    return there


FLUSH = """(text) => {
  const range = document.createRange(), lines = new Map();
  range.selectNodeContents(text);
  for (const box of range.getClientRects()) if (box.width)
    lines.set(Math.round(box.top), Math.max(lines.get(Math.round(box.top)) ?? 0, box.right));
  const edge = text.getBoundingClientRect().right;
  return [...lines.values()].map((right) => Math.round(edge - right));
}"""


def test_lines_that_are_led_begin_at_the_right(page: Page, sandbox: Sandbox) -> None:
    lines = ("\u2068۱۰ USDT\u2069 خریدید", "/help — همین فهرست، و چند واژهٔ دیگر تا سطر بلند شود", "RFQ-1 · FIL-2")
    text = "\n".join(lines)
    bot_api(sandbox, "sendMessage", chat_id=NAVID, text=text)
    bot_api(sandbox, "sendMessage", chat_id=NAVID, text=lead(text, "fa"))
    page.goto(f"{sandbox.url}/?user={NAVID}")

    as_it_is, led = (page.locator(".theirs .text").nth(at).evaluate(FLUSH) for at in (0, 1))
    assert len(as_it_is) == len(led) == 3
    assert max(as_it_is) > 20
    assert max(led) <= 1


def test_a_message_and_a_press_work_without_a_reload_and_keep_the_focus(page: Page, sandbox: Sandbox) -> None:
    page.goto(f"{sandbox.url}/?user={TARA}")
    page.evaluate("window.stayed = true")

    page.get_by_label("Message as Tara").fill("/rfq buy 10000 EUR")
    page.keyboard.press("Enter")
    page.get_by_text("buy 10000 EUR", exact=False).locator("visible=true").first.wait_for()
    card(sandbox, TARA)
    page.get_by_role("button", name="Accept 0.92").click()
    query = updates(sandbox, 2)[-1]["callback_query"]
    bot_api(sandbox, "answerCallbackQuery", callback_query_id=query["id"], text="Done", show_alert=True)

    page.get_by_role("dialog").get_by_text("Done").wait_for()
    page.get_by_role("button", name="OK").click()
    assert query["data"] == "yes"
    assert page.evaluate("window.stayed") is True


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_the_page_is_accessible_and_never_scrolls_sideways(
    page: Page, sandbox: Sandbox, scheme: str, width: int
) -> None:
    card(sandbox, NAVID)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{sandbox.url}/?user={NAVID}&also={DORA}")

    page.evaluate(AXE.read_text())
    violations = page.evaluate("axe.run(document).then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].html))")

    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_javascript_the_forms_do_the_same(browser: Browser, sandbox: Sandbox) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{sandbox.url}/?user={TARA}")

    page.get_by_role("button", name="/rfq buy 10000 EUR").click()
    card(sandbox, TARA)
    page.get_by_role("link", name="Refresh").click()
    page.get_by_role("button", name="Accept 0.92").click()

    kinds = [next(iter(set(update) - {"update_id"})) for update in updates(sandbox, 2)]
    assert kinds == ["message", "callback_query"]
    context.close()
