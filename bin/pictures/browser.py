"""A browser before the running desk, and its people signed in."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

type Window = Callable[[ViewportSize], Page]


@contextmanager
def windows() -> Iterator[Window]:
    """A maker of windows in a fresh Chromium, each with its own cookies."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=QUIET)
        yield lambda size: browser.new_context(viewport=size, color_scheme="light").new_page()
        browser.close()


def sign_in(page: Page, console: str, password: str, username: str = "olga") -> None:
    """With the present one-time code."""
    page.goto(f"{console}/sign-in/")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.locator("[name=otp_token]").fill(_one_time_code(username))
    page.locator("[name=otp_token]").press("Enter")
    page.wait_for_url(f"{console}/")


def _one_time_code(username: str) -> str:
    """What `manage.py otp` prints."""
    command = [sys.executable, str(ROOT / "manage.py"), "otp", username]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def settle(page: Page) -> None:
    """Wait until fonts and charts are drawn."""
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(250)
