"""A secret that is missing, short or a sample stops the start with one sentence that says what to do."""

import secrets
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from trading import env


def fault(monkeypatch: pytest.MonkeyPatch, value: str) -> str:
    monkeypatch.setenv("SECRET_KEY", value)
    with pytest.raises(ImproperlyConfigured) as told:
        env.secret("SECRET_KEY")
    sentence = str(told.value)
    assert not value.strip() or value not in sentence
    assert sentence.startswith("SECRET_KEY ")
    assert "openssl rand -base64 48" in sentence
    return sentence


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "is missing"),
        ("   ", "is missing"),
        ("too-short-for-anything", "fewer than 32 bytes"),
        ("x" * 48, "looks like a sample"),
        ("0123456789" * 5, "looks like a sample"),
        ("django-insecure-8f3kd92mxq7v5bzt1wy6ahjgcp40lnre", "looks like a sample"),
        ("changeme-changeme-changeme-0123456789-abc", "looks like a sample"),
        ("replace-this-with-your-own-0123456789abc", "looks like a sample"),
    ],
)
def test_what_is_no_secret_is_refused(monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    assert words in fault(monkeypatch, value)


def test_random_secrets_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for make in (lambda: secrets.token_urlsafe(48), lambda: secrets.token_hex(32)):
        for _ in range(200):
            value = make()
            monkeypatch.setenv("SECRET_KEY", value)
            assert env.secret("SECRET_KEY") == value


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    value = secrets.token_urlsafe(48)
    file.write_text(f"{value}\n")
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.setenv("JWT_SECRET_FILE", str(file))

    assert env.secret("JWT_SECRET") == value


@pytest.mark.parametrize("keys", ["", "short", "{whole},not-a-key"])
def test_encryption_keys_are_whole(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("FIELD_ENCRYPTION_KEYS", keys.format(whole=Fernet.generate_key().decode()))

    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS"):
        env.fernet_keys("FIELD_ENCRYPTION_KEYS")


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_numbers_are_whole(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)

    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        env.number("TRUSTED_PROXIES")


@pytest.mark.parametrize("value", ["", "short", "bm90IDMyIGJ5dGVz", "not base64 at all!"])
def test_key_of_receipts_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RECEIPT_SIGNING_KEY", value)

    with pytest.raises(ImproperlyConfigured, match="RECEIPT_SIGNING_KEY"):
        env.signing_key("RECEIPT_SIGNING_KEY")
