"""Sessions at the console: flags of the cookie, new keys, ended while a page is open, one's own list."""

import json
import os
import subprocess
import sys
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.factories import REASON
from trading.lib import clock
from users import operations
from users.models import AuditEvent, Role, Session, User
from users.models.sessions import hashed

ROOT = Path(__file__).resolve().parents[2]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
ASKED = "SESSION_COOKIE_NAME SESSION_COOKIE_SECURE SESSION_COOKIE_HTTPONLY SESSION_COOKIE_SAMESITE SESSION_COOKIE_PATH"
ASKED += " SESSION_COOKIE_DOMAIN CSRF_COOKIE_NAME CSRF_COOKIE_SECURE CSRF_COOKIE_PATH CSRF_COOKIE_DOMAIN"
ASKED += " LANGUAGE_COOKIE_NAME THEME_COOKIE_NAME"


def sign_in(client: Client, user: User) -> None:
    scene.authenticator(user)
    client.post("/sign-in/", {"username": user.username, "password": scene.PASSWORD})
    client.post("/sign-in/otp/", {"otp_token": code(scene.TOTP_KEY)})


def pk(client: Client) -> str:
    return hashed(client.session.session_key or "")


# --- the cookie ------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "prefix", "is_https"), [("https://desk.example", "__Host-", True), ("", "", False)])
def test_cookies_are_bound_to_the_host_on_https(url: str, prefix: str, *, is_https: bool) -> None:
    program = "import json; from django.conf import settings; "
    program += f"print(json.dumps({{name: getattr(settings, name) for name in '{ASKED}'.split()}}))"
    environment = os.environ | {"DESK_URL": url or "http://localhost:9090"}

    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    found = json.loads(run.stdout)
    assert found["SESSION_COOKIE_NAME"] == f"{prefix}desk"
    assert found["CSRF_COOKIE_NAME"] == f"{prefix}desk-csrf"
    assert found["LANGUAGE_COOKIE_NAME"] == f"{prefix}desk-language"
    assert found["THEME_COOKIE_NAME"] == f"{prefix}theme"
    assert found["SESSION_COOKIE_SECURE"] == found["CSRF_COOKIE_SECURE"] == is_https
    assert found["SESSION_COOKIE_PATH"] == found["CSRF_COOKIE_PATH"] == "/"  # as the prefix demands
    assert found["SESSION_COOKIE_DOMAIN"] is found["CSRF_COOKIE_DOMAIN"] is None


def test_the_session_cookie_is_out_of_reach_and_goes_with_the_browser(settings: Any, olga: User) -> None:
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-desk", True
    client = Client()

    client.post("/sign-in/", {"username": "olga", "password": scene.PASSWORD})

    header = SimpleCookie()
    header.load(client.cookies["__Host-desk"].OutputString())
    cookie = header["__Host-desk"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert (cookie["domain"], cookie["max-age"], cookie["expires"]) == ("", "", "")


def test_a_planted_session_key_is_not_taken_over(settings: Any, client: Client, olga: User) -> None:
    planted = "plantedbysomebodyelse00000000000"
    client.cookies[settings.SESSION_COOKIE_NAME] = planted

    sign_in(client, olga)

    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted
    assert not Session.objects.filter(pk=hashed(planted)).exists()


def test_the_key_from_before_a_sign_in_opens_nothing_after_it(settings: Any, client: Client, olga: User) -> None:
    scene.authenticator(olga)
    client.post("/sign-in/", {"username": "olga", "password": scene.PASSWORD})
    before = client.cookies[settings.SESSION_COOKIE_NAME].value

    client.post("/sign-in/otp/", {"otp_token": code(scene.TOTP_KEY)})

    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = before
    assert thief.get("/sign-in/otp/").status_code == 302
    assert thief.get("/").status_code == 302
    assert client.get("/").status_code == 200


def test_pages_cannot_be_framed(console: Client) -> None:
    for address in ("/", "/sign-in/", "/profile/"):
        answer = console.get(address)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_writes_in_a_session_need_the_token_of_their_form(olga: User) -> None:
    plain = verified_client(olga)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = plain.cookies

    for name in ("users:profile-sessions-ending", "users:sign-out"):
        assert strict.post(reverse(name)).status_code == 403
    assert plain.get("/").status_code == 200


# --- the record ------------------------------------------------------------------------------


def test_a_sign_in_is_recorded_with_its_second_factor(olga: User) -> None:
    client = Client(headers={"User-Agent": FIREFOX})

    sign_in(client, olga)

    event = AuditEvent.objects.get(name="session.began")
    assert (event.subject_type, event.subject_ref) == ("user", event.actor.ref if event.actor else "")
    assert (event.actor, event.subject_ref, event.address) == (olga, olga.ref, "127.0.0.1")
    assert event.after == {"method": "totpdevice", "browser": "Firefox 143, Linux"}
    row = Session.objects.get()
    assert (row.user, row.is_verified, row.address, row.browser) == (olga, True, "127.0.0.1", "Firefox 143, Linux")


def test_a_session_with_the_password_alone_is_not_yet_one(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    client.post("/sign-in/", {"username": "olga", "password": scene.PASSWORD})

    assert list(Session.objects.begun()) == []
    assert not AuditEvent.objects.filter(name="session.began").exists()


# --- ended while a page is open --------------------------------------------------------------


def suspend(user: User) -> None:
    operations.suspend_user(user=user, actor=factories.founders()[1], reason=REASON, now=clock.now())


def revoke(user: User) -> None:
    operations.revoke_role(user=user, role=Role.OPS, actor=factories.founders()[1], reason=REASON, now=clock.now())


def grant(user: User) -> None:
    factories.carry("role.grant", user.ref, role="auditor")


@pytest.mark.parametrize("change", [suspend, revoke, grant])
def test_an_open_page_learns_that_its_session_was_ended(console: Client, olga: User, change: Any) -> None:
    assert console.get("/rfqs/").status_code == 200

    change(olga)

    poll = console.get("/rfqs/?v=abc", headers={"HX-Request": "true"})
    assert (poll.status_code, poll.headers["HX-Redirect"]) == (204, "/sign-in/?next=%2Frfqs%2F")
    assert console.post("/profile/sessions/ending/", headers={"HX-Request": "true"}).status_code == 401
    plain = console.post("/profile/sessions/ending/")
    assert (plain.status_code, plain.headers["Location"]) == (302, "/sign-in/?next=%2F")


# --- one's own list, and somebody else's -----------------------------------------------------


def test_the_profile_lists_ones_own_sessions_and_ends_them(console: Client, olga: User) -> None:
    other = verified_client(olga)
    verified_client(scene.person("amir", Role.APPROVER))
    page = console.get("/profile/").content.decode()

    assert page.count("This session") == 1
    assert page.count("/ending/") == 2  # the other one, and all others

    answer = console.post(f"/profile/sessions/{pk(other)[:16]}/ending/", follow=True)

    assert "The session has ended." in answer.content.decode()
    assert other.get("/").status_code == 302
    assert console.get("/").status_code == 200


def test_all_other_sessions_end_at_once(console: Client, olga: User) -> None:
    others = [verified_client(olga), verified_client(olga)]

    answer = console.post("/profile/sessions/ending/", follow=True)

    assert "All your other sessions have ended." in answer.content.decode()
    assert [other.get("/").status_code for other in others] == [302, 302]
    assert console.get("/").status_code == 200


def test_a_session_that_is_over_already_is_told_so(console: Client) -> None:
    answer = console.post("/profile/sessions/0123456789abcdef/ending/", follow=True)

    assert "This session has ended already." in answer.content.decode()


def test_ops_end_all_sessions_of_a_login_with_a_reason(console: Client) -> None:
    amir = scene.person("amir", Role.APPROVER)
    theirs = verified_client(amir)
    page = console.get(f"/users/{amir.ref}/").content.decode()
    assert "End all sessions" in page

    missing = console.post(f"/users/{amir.ref}/sessions/ending/", {"reason": "short"})
    done = console.post(f"/users/{amir.ref}/sessions/ending/", {"reason": REASON}, follow=True)

    assert missing.status_code == 422
    assert "All sessions of amir have ended." in done.content.decode()
    assert theirs.get("/").status_code == 302
    assert "End all sessions" not in console.get(f"/users/{amir.ref}/").content.decode()


def test_auditors_end_nobodys_sessions(olga: User) -> None:
    client = verified_client(scene.person("audrey", Role.AUDITOR))

    assert client.post(f"/users/{olga.ref}/sessions/ending/", {"reason": REASON}).status_code == 403
