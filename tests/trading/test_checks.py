"""What `check --deploy` says about an installation: nothing when it is sound, one sentence for each fault."""

from typing import Any

import pytest

from trading import checks

SOUND = {
    "IS_HTTPS": True,
    "DESK_URL": "https://desk.example",
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "TRUSTED_PROXIES": 1,
    "METRICS_TOKEN": "scrape",
    "AUDIT_ANCHOR_FILE": "/mnt/worm/anchors",
    "TELEGRAM_BOT_TOKEN": "1:a",
    "MAILERS": {"default": {"OPTIONS": {"host": "mail.example", "use_tls": True, "use_ssl": False}}},
}
IN_CLEAR = {"default": {"OPTIONS": {"host": "mail.example", "use_tls": False, "use_ssl": False}}}
HERE = {"default": {"OPTIONS": {"host": "localhost", "use_tls": False, "use_ssl": False}}}
ALL = (checks.two_roles, checks.telegram, checks.mail, checks.https, checks.proxies, checks.anchors)


def said(settings: Any, **changes: object) -> list[str]:
    for name, value in (SOUND | changes).items():
        setattr(settings, name, value)
    return [str(message.id) for check in ALL for message in check()]


def test_a_sound_installation_hears_nothing(settings: Any) -> None:
    assert said(settings) == []
    assert said(settings, SECURE_PROXY_SSL_HEADER=None, TRUSTED_PROXIES=0, METRICS_TOKEN="") == []


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"IS_HTTPS": False, "DESK_URL": "http://desk.example"}, ["desk.E003"]),
        ({"TRUSTED_PROXIES": 0}, ["desk.W003"]),
        ({"METRICS_TOKEN": ""}, ["desk.W004"]),
        ({"SECURE_PROXY_SSL_HEADER": None}, ["desk.W002"]),
        ({"AUDIT_ANCHOR_FILE": ""}, ["desk.W005"]),
        ({"TELEGRAM_BOT_TOKEN": ""}, ["desk.W001"]),
        ({"MAILERS": {}}, ["desk.W006"]),
        ({"MAILERS": IN_CLEAR}, ["desk.E004"]),
        ({"MAILERS": HERE}, []),
    ],
    ids=str,
)
def test_each_fault_is_said(settings: Any, changes: dict[str, object], codes: list[str]) -> None:
    assert said(settings, **changes) == codes


def test_one_role_for_both_is_an_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["owner"], "USER", settings.DATABASES["default"]["USER"])

    assert said(settings) == ["desk.E001"]
