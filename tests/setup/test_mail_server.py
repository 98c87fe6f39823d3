"""`EMAIL_URL` names a mail server, or nothing is mailed; what is neither stops the start."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from trading import env


def options(monkeypatch: pytest.MonkeyPatch, url: str) -> object:
    monkeypatch.setenv("EMAIL_URL", url)
    return env.mailers("EMAIL_URL").get("default", {}).get("OPTIONS")


def test_nothing_is_mailed_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options(monkeypatch, " ") is None


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "use_ssl"),
    [
        ("smtp://desk:a%40b%2Fc@mail.example", None, False, False),
        ("smtp+tls://desk:a%40b%2Fc@mail.example:2587", 2587, True, False),
        ("smtp+ssl://desk:a%40b%2Fc@mail.example:465/", 465, False, True),
    ],
)
def test_each_way_to_reach_one(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int | None, *, use_tls: bool, use_ssl: bool
) -> None:
    assert options(monkeypatch, url) == {
        "host": "mail.example",
        "port": port,
        "username": "desk",
        "password": "a@b/c",
        "use_tls": use_tls,
        "use_ssl": use_ssl,
        "timeout": env.MAIL_SECONDS,
    }


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://h:0", "smtp://h:99999", "smtp://h/x", "smtp://h?a=1"],
)
def test_anything_else_is_refused_without_repeating_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as told:
        options(monkeypatch, url.replace("//", "//desk:hush-hush@") if "h:" in url else url)
    assert "hush-hush" not in str(told.value)
