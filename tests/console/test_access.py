"""Who is let in, for how long, and what those hear who are not."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.console import scene
from tests.console.conftest import verified_client
from trading.lib import clock
from users.models import Role, User
from users.models.sessions import IDLE, LONGEST
from users.sessions import BEGAN, SEEN

OPEN_TO_ALL = {
    "sign-in",
    "sign-in-passkey",
    "otp",
    "recovery",
    "enrolment",
    "new-password",
    "sign-out",
    "language",
    "favicon",
    "receipt-keys",  # public keys
}
OWN_DOOR = (
    "health",
    "metrics",
    "csp-report",
    "api",
    "admin",
    "telegram",
)  # probes, scrapers, programs, the review have their own
ROOMS = [
    "/",
    "/rfqs/",
    "/rfqs/RFQ-AAAA/",
    "/settlements/",
    "/settlements/STL-AAAA/",
    "/search/?q=x",
    "/lps/",
    "/lps/LP-AAAA/",
    "/exposure/",
    "/system/",
]


def patterns(nodes: list[Any], prefix: str = "") -> list[tuple[str, URLPattern]]:
    found: list[tuple[str, URLPattern]] = []
    for node in nodes:
        path = prefix + str(node.pattern)
        if isinstance(node, URLResolver):
            found += patterns(node.url_patterns, path)
        else:
            found.append((path, node))
    return found


def test_every_page_but_the_sign_in_asks_for_a_capability() -> None:
    for path, node in patterns(get_resolver().url_patterns):
        if node.name in OPEN_TO_ALL or path.startswith(OWN_DOOR):
            continue
        assert getattr(node.callback, "console_capability", ""), path


@pytest.mark.parametrize("room", ROOMS)
def test_strangers_are_sent_to_the_sign_in_and_back(client: Client, db: None, room: str) -> None:
    answer = client.get(room)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/?next=%2F")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_poll_without_session_is_told_to_load_the_sign_in(client: Client, db: None) -> None:
    answer = client.get("/rfqs/?state=live&v=abc", headers={"HX-Request": "true"})

    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/sign-in/?next=%2Frfqs%2F%3Fstate%3Dlive"


def test_people_without_the_capability_are_refused(db: None) -> None:
    client = verified_client(scene.person("adele", Role.OPS))

    answer = client.get("/policies/")

    assert answer.status_code == 403
    assert "Your roles do not allow this" in answer.content.decode()


def test_a_suspended_persons_session_is_over(console: Client, olga: User) -> None:
    olga.move(User.Status.SUSPENDED, at=clock.now())

    assert console.get("/").status_code == 302


@pytest.mark.parametrize(("key", "limit"), [(SEEN, IDLE), (BEGAN, LONGEST)])
def test_sessions_end_when_idle_and_after_a_working_day(console: Client, key: str, limit: timedelta) -> None:
    session = console.session
    session[key] = (clock.now() - limit - timedelta(seconds=1)).timestamp()
    session.save()

    assert console.get("/rfqs/").status_code == 302
    assert "_auth_user_id" not in console.session


def test_polling_is_not_activity(console: Client) -> None:
    session = console.session
    session[SEEN] = seen = (clock.now() - timedelta(minutes=10)).timestamp()
    session.save()

    console.get("/rfqs/?v=x", headers={"HX-Request": "true"})
    after_poll = console.session[SEEN]
    console.get("/rfqs/")

    assert after_poll == seen
    assert console.session[SEEN] > seen


def test_signed_in_pages_stay_out_of_caches(console: Client) -> None:
    for room in ("/", "/rfqs/", "/settlements/"):
        answer = console.get(room)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "HX-Request" in answer.headers["Vary"]


def test_the_policy_allows_nothing_inline_or_foreign(console: Client) -> None:
    policy = console.get("/").headers["Content-Security-Policy"]

    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri /csp-report/"
    )


def test_language_of_the_profile_is_spoken(console: Client, olga: User) -> None:
    answer = console.post("/language/", {"language": "fa", "next": "/rfqs/"})
    page = console.get("/rfqs/").content.decode()

    assert answer.headers["Location"] == "/rfqs/"
    assert User.objects.get(pk=olga.pk).language == "fa"
    assert '<html lang="fa" dir="rtl"' in page
    assert "تابلوی استعلام قیمت" in page


def test_language_of_the_sign_in_page_is_remembered_by_the_browser(client: Client, db: None) -> None:
    client.post("/language/", {"language": "fa", "next": "/sign-in/"})

    assert 'dir="rtl"' in client.get("/sign-in/").content.decode()


def test_unknown_languages_and_foreign_pages_are_ignored(client: Client, db: None) -> None:
    answer = client.post("/language/", {"language": "tlh", "next": "https://elsewhere.example/"})

    assert answer.headers["Location"] == "/"
    assert not answer.cookies
