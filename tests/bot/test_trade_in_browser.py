"""A whole trade in the chat pages, in a real browser: a trader in Persian, an LP in English, from /rfq to receipt."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as desk_settings
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright

from rfq.models import Fill, Rfq
from tests.bot.scene import LEO, MINA, NAVID, Scene
from trading.sandbox.telegram.client import SandboxClient

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
PATIENCE_MS = 15_000

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="No Chromium here: set CHROMIUM, or install it.")


@dataclass
class Screen:
    """The chat pages in a browser. It has a thread of its own, as the browser's loop and Django's do not mix."""

    client: SandboxClient
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    complaints: list[str] = field(default_factory=list)
    playwright: Playwright | None = None
    browser: Browser | None = None
    page: Page | None = None

    def do[T](self, act: Callable[[Page], T]) -> T:
        """Let the hands do something on the page."""
        return self.thread.submit(lambda: act(self._open)).result(60)

    def start(self, url: str) -> None:
        self.thread.submit(self._start, url).result(60)

    def stop(self) -> None:
        self.thread.submit(self._stop).result(60)
        self.thread.shutdown()

    @property
    def _open(self) -> Page:
        assert self.page is not None
        return self.page

    def _start(self, url: str) -> None:
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = self.page = self.browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(url)

    def _stop(self) -> None:
        if self.browser:
            self.browser.close()
        if self.playwright:
            self.playwright.stop()


@pytest.fixture
def screen(scene: Scene) -> Iterator[Screen]:
    screen = Screen(scene.client)
    screen.start(f"{desk_settings.TELEGRAM_API_URL}/?user={NAVID}&also={LEO}&also={MINA}")
    yield screen
    screen.stop()
    assert screen.complaints == []


@pytest.fixture
def journal(telegram_directory: Path) -> Path:
    return telegram_directory / "journal.jsonl"


def chat(page: Page, who: int) -> Locator:
    return page.locator(f"#chat{who}")


def write(scene: Scene, screen: Screen, who: int, text: str) -> None:
    """Type and send; the desk answers."""

    def act(page: Page) -> None:
        box = chat(page, who).locator(".say input[name=text]")
        box.fill(text)
        box.press("Enter")
        expect(box).to_have_value("")

    screen.do(act)
    scene.turn()


def press(scene: Scene, screen: Screen, who: int, words: str) -> None:
    """Press the last button with these words; the desk answers."""

    def act(page: Page) -> None:
        with page.expect_response(lambda answer: answer.url.endswith("/press")):
            chat(page, who).get_by_role("button", name=words).last.click()

    screen.do(act)
    scene.turn()


def shows(screen: Screen, who: int, words: str) -> None:
    screen.do(lambda page: expect(chat(page, who).locator("ol")).to_contain_text(words, timeout=PATIENCE_MS))


def test_a_persian_trader_and_an_english_lp_trade_from_rfq_to_receipt(
    scene: Scene, screen: Screen, journal: Path
) -> None:
    write(scene, screen, NAVID, "/rfq")
    press(scene, screen, NAVID, "خرید تتر")
    press(scene, screen, NAVID, "EUR")
    write(scene, screen, NAVID, "۱۰٬۰۰۰٫۵")
    press(scene, screen, NAVID, "موجودی")
    shows(screen, NAVID, "۱۰٬۰۰۰٫۵۰ EUR")
    press(scene, screen, NAVID, "درخواست قیمت")
    made = Rfq.objects.get()
    shows(screen, LEO, f"Reply: /quote {made.ref} <price>")

    write(scene, screen, LEO, f"/quote {made.ref} 0.9213")
    shows(screen, LEO, "Your quote: 0.9213")
    write(scene, screen, MINA, f"/quote {made.ref} 0.9214")
    press(scene, screen, NAVID, "پذیرش")
    press(scene, screen, NAVID, "تأیید")

    fill = Fill.objects.get()
    scene.until(lambda: fill.settlement.ref in str(scene.screen(NAVID)[-1].get("text")))
    shows(screen, NAVID, fill.settlement.ref)
    scene.until(lambda: "Settled" in str(scene.screen(LEO)[-1].get("text")))
    shows(screen, LEO, "You traded. Price 0.9213")
    write(scene, screen, NAVID, f"/receipt {fill.ref}")
    name = scene.screen(NAVID)[-1]["document"]["file_name"]
    shows(screen, NAVID, name)
    assert screen.do(lambda page: _downloaded(page, name)).startswith(b"%PDF-")
    assert screen.do(_read_from_the_left) == []
    _nothing_of_the_client_nor_of_rivals(scene, fill, journal)


def _read_from_the_left(page: Page) -> list[str]:
    """The bot's texts of the Persian chat whose first line does not begin at the right edge."""
    found: list[str] = (
        chat(page, NAVID)
        .locator(".theirs .text")
        .evaluate_all(
            """texts => texts.filter(text => {
            const range = document.createRange();
            range.selectNodeContents(text);
            const line = range.getClientRects()[0], box = text.getBoundingClientRect();
            const top = [...range.getClientRects()].filter(rect => Math.abs(rect.top - line.top) < 4);
            return box.right - Math.max(...top.map(rect => rect.right)) > 2;
        }).map(text => text.textContent)"""
        )
    )
    return found


def _downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        chat(page, NAVID).get_by_role("link", name=name).last.click()
    return waiting.value.path().read_bytes()


def _nothing_of_the_client_nor_of_rivals(scene: Scene, fill: Fill, journal: Path) -> None:
    """All that the LPs' chats ever got, every state of every card, as the stand-in's journal has it."""
    market = scene.market
    for who, rival, price in ((LEO, market.northwind, "0.9214"), (MINA, market.meridian, "0.9213")):
        said = _ever_said(journal, who)
        read = json.dumps(said, ensure_ascii=False)
        assert len(said) > len(scene.screen(who)), "edits are part of it"
        for secret in (
            *(market.client.name, market.client.ref, fill.accepted_by.username, str(NAVID)),
            *(rival.name, rival.ref, price),
        ):
            assert secret not in read


def _ever_said(journal: Path, chat_id: int) -> list[Any]:
    """What the bot wrote, changed or answered in a chat since the stand-in was emptied."""
    said: list[Any] = []
    asked: set[str] = set()
    for event in (event for line in journal.read_text().splitlines() for event in json.loads(line)):
        if event["e"] == "reset":
            said, asked = [], set()
        elif event["e"] == "message" and event["chat"] == chat_id and event["message"]["from"]["is_bot"]:
            said.append(event["message"])
        elif event["e"] == "callback" and event["chat"] == chat_id:
            asked.add(event["id"])
        elif event["e"] == "answer" and event["id"] in asked:
            said.append(event["text"])
    return said
