"""`make smoke`: the whole desk as its people see it, over real HTTP; nothing here touches the database."""

import hmac
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import IO, Any

import httpx

from trading.sandbox import desk, leaks, localenv, people
from trading.sandbox.localenv import LOCAL, ROOT, SetupError
from trading.sandbox.telegram.client import SandboxClient, SandboxError

LOG_FILE = LOCAL / "log" / "smoke.log"
DESK_LOG = LOCAL / "log" / "smoke-desk.log"
START_SECONDS = 180
QUOTE_SECONDS = 30
SETTLE_SECONDS = 30
STOP_SECONDS = 60
CODE_SECONDS = 30
COMMAND = "/rfq buy 10000 EUR"
BOOKS_SECONDS = 60
SEAL_SECONDS, MOST_UNSEALED = 20, 60
RATES_SECONDS = 30
USABLE = re.compile(r'^desk_reference_usable\{pair="([A-Z/]+)"\} ([0-9.]+)$', re.MULTILINE)
UNSEALED = re.compile(r"^desk_audit_unsealed ([0-9.e+]+)$", re.MULTILINE)
RFQ_REF = re.compile(r"RFQ-[A-Z2-9]{4,8}")
SETTLEMENT_REF = re.compile(r"STL-[A-Z2-9]{4,12}")


class SmokeError(Exception):
    """A step did not do what it must; the text says what was there instead."""


class Forms(HTMLParser):
    """The inputs of the forms of a page: `hidden` by name, and the names of all."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an input."""
        found = dict(attrs)
        name = found.get("name")
        if tag != "input" or not name:
            return
        self.names.add(name)
        if found.get("type") == "hidden":
            self.hidden.setdefault(name, found.get("value") or "")


@dataclass(slots=True)
class Smoke:
    """One run: its settings, the log, and what the steps tell each other."""

    log: IO[str]
    environment: dict[str, str]
    browser: httpx.Client
    started: subprocess.Popen[bytes] | None = None
    known: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """All steps in order; the desk is stopped again if it was started here."""
        begun = time.monotonic()
        try:
            self.step("the desk runs", self.open_desk)
            self.step("health is ready", self.see_health)
            self.step("sign in with password and one-time code", self.sign_in)
            self.step("the pairs have reference rates", self.see_rates)
            self.step(f"tara: {COMMAND}, quotes, Accept, Confirm, receipt", self.trade)
            self.step("the settled trade is in the console", self.see_settlement)
            self.step("sealing keeps up with the market", self.see_sealed)
            self.step("reconcile, typed in another terminal", self.see_books)
        finally:
            if self.started:
                self.step("the desk stops", self.close_desk)
        self.step("no secret in any log line", self.see_no_secrets)
        self.tell(f"ok    everything                                              {time.monotonic() - begun:6.1f} s")

    def step(self, name: str, act: Callable[[], str]) -> None:
        """Do one step; time it and tell how it went."""
        begun = time.monotonic()
        try:
            said = act()
        except (
            SmokeError,
            SandboxError,
            SetupError,
            TimeoutError,
            subprocess.TimeoutExpired,
            httpx.HTTPError,
        ) as error:
            self.tell(f"FAIL  {name:<55} {time.monotonic() - begun:6.1f} s  {error}")
            raise SmokeError(f"{name}: {error}") from None
        self.tell(f"ok    {name:<55} {time.monotonic() - begun:6.1f} s  {said}")

    def tell(self, line: str) -> None:
        """To the screen and to the log."""
        print(line, flush=True)
        print(line, file=self.log, flush=True)

    def open_desk(self) -> str:
        """Use the desk that runs, or start one and wait until it says that it is open."""
        if pid := desk.running_pid():
            return f"(process {pid}, running already)"
        tether = [sys.executable, "-m", "trading.sandbox.tether", "--"]
        with DESK_LOG.open("wb") as out:
            self.started = subprocess.Popen(
                [*tether, sys.executable, str(ROOT / "manage.py"), "desk"],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        limit = time.monotonic() + START_SECONDS
        while desk.OPEN not in DESK_LOG.read_text(errors="replace"):
            if self.started.poll() is not None or time.monotonic() > limit:
                said = DESK_LOG.read_text(errors="replace").strip().splitlines()
                raise SmokeError(said[-1] if said else f"it said nothing (see {DESK_LOG})")
            time.sleep(0.1)
        return f"(process {self.started.pid}, started here)"

    def close_desk(self) -> str:
        """Stop it as Ctrl-C does; it must end well."""
        if self.started is None:
            raise SmokeError("it was not started here")
        self.started.send_signal(signal.SIGINT)
        try:
            status = self.started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.started.kill()
            raise SmokeError(f"it has not stopped after {STOP_SECONDS} s") from None
        if status:
            raise SmokeError(f"it ended with status {status}")
        return "(status 0)"

    def see_health(self) -> str:
        """The desk says itself that it can work."""
        answer = self.browser.get("/health/ready")
        _require(answer.is_success, f"/health/ready answers {answer.status_code}: {answer.text[:200]}")
        return f"({answer.status_code})"

    def see_rates(self) -> str:
        """The market's rates have come as far as the desk, which trades nothing without."""
        limit = time.monotonic() + RATES_SECONDS
        while not (found := dict(USABLE.findall(self.browser.get("/metrics").text))) or "0.0" in found.values():
            _require(time.monotonic() < limit, f"no reference after {RATES_SECONDS} s: {found}")
            time.sleep(0.5)
        return f"({', '.join(sorted(found))})"

    def sign_in(self) -> str:
        """Through the real forms, with their tokens against forgery."""
        page = self.browser.get("/sign-in/")
        login = {"username": "olga", "password": self.environment["SANDBOX_PASSWORD"]}
        page = self._submit(page, login)
        _require(page.url.path == "/sign-in/otp/", f"after the password came {page.url.path} ({page.status_code})")
        page = self._submit(page, {"otp_token": self._code()})
        if page.url.path == "/sign-in/otp/":  # this code was used within its 30 seconds: take the next one
            time.sleep(CODE_SECONDS - time.time() % CODE_SECONDS + 0.1)
            page = self._submit(page, {"otp_token": self._code()})
        _require(page.url.path == "/" and page.is_success, f"after the code came {page.url.path} ({page.status_code})")
        return "(olga)"

    def trade(self) -> str:
        """One whole trade in Telegram, as the trader you play."""
        tara = people.by_username("tara").telegram_id or 0
        key = self.environment["SANDBOX_CONTROL_KEY"]
        with SandboxClient(self.environment["SANDBOX_TELEGRAM_URL"], key) as chat:
            after = chat.changes(tara)["version"]
            chat.say(tara, COMMAND)
            quoted = chat.wait_for(tara, lambda message: bool(_button(message, "Accept")), QUOTE_SECONDS, after=after)
            rfq = RFQ_REF.search(quoted["text"])
            if rfq is None:
                raise SmokeError(f"the card names no RFQ: {quoted['text']!r}")
            chat.press(tara, quoted["message_id"], "Accept")
            confirm = chat.wait_for(tara, lambda message: bool(_button(message, "Confirm")), QUOTE_SECONDS, after=after)
            chat.press(tara, confirm["message_id"], "Confirm")
            receipt = chat.wait_for(tara, lambda message: _is_receipt(message, rfq[0]), SETTLE_SECONDS, after=after)
        settlement = SETTLEMENT_REF.search(receipt["text"])
        if settlement is None:
            raise SmokeError(f"the receipt names no settlement: {receipt['text']!r}")
        self.known |= {"rfq": rfq[0], "settlement": settlement[0]}
        return f"({rfq[0]}, {settlement[0]})"

    def see_settlement(self) -> str:
        """In the list as settled, with its ledger entries and audit events on its page."""
        ref = self.known["settlement"]
        listed = self.browser.get("/settlements/", params={"state": "settled"}).text
        rows = [row for row in re.findall(r"<tr\b.*?</tr>", listed, re.DOTALL) if ref in row]
        _require(bool(rows), f"/settlements/ does not list {ref}")
        _require("Settled" in rows[0], f"/settlements/ lists {ref}, but not as settled")
        page = self.browser.get(f"/settlements/{ref}/")
        _require(page.is_success, f"/settlements/{ref}/ answers {page.status_code}")
        for wanted in ("settlement.settled", "EUR"):
            _require(wanted in page.text, f"/settlements/{ref}/ does not show {wanted}")
        return f"({ref})"

    def see_books(self) -> str:
        """A command beside the desk has what it needs from desk.env: the database, and the chain that is paid on."""
        kept = localenv.read()
        bare = {name: text for name, text in os.environ.items() if name == "DATABASE_URL" or name not in kept}
        if localenv.is_kept("DATABASE_URL", bare):
            del bare["DATABASE_URL"]
        command = [
            sys.executable,
            "-m",
            "trading.sandbox.localenv",
            sys.executable,
            str(ROOT / "manage.py"),
            "reconcile",
        ]
        done = subprocess.run(
            command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=BOOKS_SECONDS, check=False
        )
        said = (done.stdout + done.stderr).strip().splitlines()
        _require(done.returncode == 0, f"it ended with status {done.returncode}: {'; '.join(said[-3:])}")
        return f"({said[-1]})"

    def see_sealed(self) -> str:
        """Fewer audit events wait for their seal than the market makes in half a minute, seed included."""
        limit = time.monotonic() + SEAL_SECONDS
        while (waiting := self._unsealed()) > MOST_UNSEALED:
            _require(time.monotonic() < limit, f"{waiting} audit events are still in no seal")
            time.sleep(0.5)
        return f"({waiting} unsealed)"

    def _unsealed(self) -> int:
        found = UNSEALED.search(self.browser.get("/metrics").text)
        if found is None:
            raise SmokeError("/metrics does not say desk_audit_unsealed")
        return int(float(found[1]))

    def see_no_secrets(self) -> str:
        """Neither those of the environment nor those of this session stand in a program's log."""
        session = {f"cookie {cookie.name}": cookie.value or "" for cookie in self.browser.cookies.jar}
        secrets = leaks.secrets_of(localenv.read() | self.environment) | session
        files = [file for file in LOG_FILE.parent.glob("*.log*") if file != DESK_LOG]  # that is the screen
        _require(len(files) > 1, f"there are no logs in {LOG_FILE.parent}")
        found = leaks.leaks(secrets, iter(files))
        _require(not found, "; ".join(found[:5]))
        return f"({len(secrets)} secrets, {len(files)} files)"

    def _submit(self, page: httpx.Response, fields: dict[str, str]) -> httpx.Response:
        forms = Forms(page.text)
        missing = {*fields, "csrfmiddlewaretoken"} - forms.names
        _require(not missing, f"{page.url.path} ({page.status_code}) has no field {', '.join(sorted(missing))}")
        answer = self.browser.post(
            page.url, data={**forms.hidden, **fields}, headers={"Referer": str(page.url)}, follow_redirects=True
        )
        _require(not answer.is_server_error, f"{page.url.path} answers {answer.status_code}")
        return answer

    def _code(self) -> str:
        return one_time_code(bytes.fromhex(self.environment["SANDBOX_TOTP_KEY"]), time.time())


def run() -> None:
    """
    Do all steps, on the desk that runs or on one started for it.

    :raises SmokeError: the first step that failed.
    """
    LOG_FILE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = desk.environment()
    with (
        LOG_FILE.open("w") as log,
        httpx.Client(base_url=environment["DESK_URL"], timeout=15, trust_env=False) as browser,
    ):
        Smoke(log, environment, browser).run()


def one_time_code(key: bytes, at: float) -> str:
    """The six digits of RFC 6238 (SHA-1, 30 seconds) for this instant."""
    digest = hmac.digest(key, struct.pack(">Q", int(at) // CODE_SECONDS), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def _require(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not fact:
        raise SmokeError(otherwise)


def _button(message: dict[str, Any], prefix: str) -> str | None:
    rows = (message.get("reply_markup") or {}).get("inline_keyboard", [])
    return next((button["text"] for row in rows for button in row if button["text"].startswith(prefix)), None)


def _is_receipt(message: dict[str, Any], rfq: str) -> bool:
    return "Receipt" in message.get("text", "") and rfq in message["text"]
