"""The pages before the console (sign-in, code, recovery, enrolment) say no word past the catalogue, either."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from tests.console import pseudo, scene
from tests.console.codes import code
from tests.console.test_pseudo import data, words_of_programs
from tests.console.test_sign_in import ENROL, OTP, RECOVERY, SIGN_IN, give_password, wrong_code
from users.models import Role, User

SECRETS = r"\b(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}\b|\b[0-9A-Z]{4}(?:-[0-9A-Z]{4})+\b"  # a key by hand, a recovery code
NEW_PASSWORD = "/sign-in/new-password/"


@dataclass
class Reader:
    """Opens pages and keeps what each says past the catalogue."""

    client: Client = field(default_factory=Client)
    read: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def look(self, path: str, answer: Any = None) -> str:
        """Read the page at a path, or the answer that a form at this path had."""
        answer = self.client.get(path) if answer is None else answer
        page: str = answer.content.decode()
        assert answer.headers["Content-Type"].startswith("text/html"), path
        assert answer.status_code < 300 or answer.status_code >= 400, f"{path} leads elsewhere"
        self.read.append(f"{path} {answer.status_code}")
        known, words = re.compile(f"{data().pattern}|{SECRETS}"), words_of_programs()
        self.problems += [f"{path}: {said.text}" for said in pseudo.untranslated(page, known, words)]
        return page

    def send(self, path: str, **typed: str) -> str:
        """Send a form that is refused, and read what comes back."""
        return self.look(path, self.client.post(path, typed))


def walk_of(olga: User, newcomer: User) -> Iterator[Reader]:
    """A stranger; somebody with an authenticator; somebody who sets one up."""
    stranger = Reader()
    yield stranger
    stranger.look(SIGN_IN)
    stranger.send(SIGN_IN)
    stranger.send(SIGN_IN, username="olga", password="wrong")
    stranger.look(NEW_PASSWORD)
    stranger.send(NEW_PASSWORD)
    stranger.send(NEW_PASSWORD, code="PWR-NONE-00", new_password="short", again="other")

    known = Reader()
    yield known
    give_password(known.client, olga.username)
    known.look(OTP)
    known.send(OTP)
    known.look(RECOVERY)
    known.send(RECOVERY)
    known.send(RECOVERY, recovery_code="XXXX-XXXX")
    known.send(OTP, otp_token=wrong_code())
    assert pseudo.widened("Wait ") in known.send(OTP, otp_token=wrong_code())  # too soon after the first

    setting_up = Reader()
    yield setting_up
    give_password(setting_up.client, newcomer.username)
    page = setting_up.look(ENROL)
    setting_up.send(ENROL)
    setting_up.send(ENROL, otp_token="000000")
    key = re.search(r'id="secret"[^>]*>(.*?)</', page, re.DOTALL)
    assert key is not None
    secret = base64.b32decode(re.sub(r"<[^>]*>|\s", "", key[1]))
    done = setting_up.client.post(ENROL, {"otp_token": code(secret)}, follow=True)
    assert "codes" in setting_up.look(f"{ENROL} codes", done)


def test_no_page_before_the_console_has_words_of_its_own(
    db: None, light_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga, newcomer = scene.person("olga", Role.OPS), scene.person("nora", Role.OPS)
    scene.authenticator(olga)
    pseudo.install(monkeypatch)

    readers = list(walk_of(olga, newcomer))

    assert [problem for reader in readers for problem in reader.problems] == []
    read = {place for reader in readers for place in reader.read}
    assert {f"{path} 200" for path in (SIGN_IN, OTP, RECOVERY, ENROL, NEW_PASSWORD)} <= read
    assert {f"{path} 422" for path in (SIGN_IN, OTP, RECOVERY, ENROL, NEW_PASSWORD)} <= read
