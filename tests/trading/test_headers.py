"""What every answer says to browsers, whatever it is; and what no answer does."""

from typing import Any

import pytest
from django.test import Client

ADDRESSES = ["/", "/sign-in/", "/nothing-here/", "/api/openapi.json", "/api/nothing", "/health/live", "/metrics"]
METHODS = ["/", "/sign-in/", "/api/session", "/api/token", "/health/live", "/approvals/", "/csp-report/"]


@pytest.fixture(autouse=True)
def plain_files(settings: Any) -> None:
    """Pages name their files without the hashes that a build adds."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_is_sealed_against_other_pages(client: Client, db: None, address: str) -> None:
    answer = client.get(address)

    policy = answer["Content-Security-Policy"]
    for rule in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer
    assert "Server" not in answer
    if answer.content:
        assert answer["Content-Type"]


def test_other_origins_are_allowed_nothing(client: Client, db: None) -> None:
    answer = client.options("/api/session", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("address", METHODS)
def test_nothing_is_traced(client: Client, db: None, address: str) -> None:
    answer = client.trace(address, headers={"X-Secret": "of-the-caller"})

    assert answer.status_code in {302, 401, 403, 404, 405}
    assert b"of-the-caller" not in answer.content


def test_strict_transport_is_told_over_https(client: Client, db: None, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True

    answer = client.get("/sign-in/", secure=True)

    assert answer["Strict-Transport-Security"].startswith("max-age=31536000; includeSubDomains")


def test_programs_are_refused_without_https_and_not_redirected(client: Client, db: None, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    plain = client.post("/api/token", {"username": "x"}, content_type="application/json")
    page = client.get("/sign-in/")
    secure = client.get("/api/openapi.json", secure=True)

    assert (plain.status_code, plain.json()["code"]) == (403, "https_only")
    assert (page.status_code, page["Location"]) == (301, "https://testserver/sign-in/")
    assert secure.status_code == 200
