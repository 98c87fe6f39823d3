"""What goes wrong in a page without anybody seeing it: policy violations, script errors, barriers."""

from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
COUNT_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
    violations.push(event.violatedDirective + " " + event.blockedURI));
"""


class Watcher:
    """Collects the problems of one page; `expected` statuses of answers are not among them."""

    def __init__(self, page: Page, *, expected: tuple[int, ...] = ()) -> None:
        self.page = page
        self.expected = expected
        self.problems: list[str] = []
        page.add_init_script(COUNT_VIOLATIONS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))

    def check(self) -> None:
        """Fail for anything that went wrong on the page as it is now: scripts, policy, width, accessibility."""
        where = self.page.url
        assert self.problems == [], where
        assert self.page.evaluate("window.violations") == [], where
        inner, needed = self.page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        assert needed <= inner, f"{where} is {needed} px wide in a window of {inner}"
        assert self.barriers() == [], where

    def barriers(self) -> list[str]:
        """List axe's findings. The protocol injects it, so that the page's own policy stays as strict as it is."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE})
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if any(f"status of {status}" in message.text for status in self.expected):
            return
        self.problems.append(f"console: {message.text} {message.location.get('url', '')}")
