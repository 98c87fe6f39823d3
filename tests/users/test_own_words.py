"""Passwords made of the desk's own words are refused; the list is the documented one."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from users.passwords import OWN_WORDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/signing-in.md"


@pytest.mark.parametrize(
    "password", ["usdt-desk-2026!", "TetherTrading1", "D3sk0perations", "welcome.approver", "w4ll3tw4ll3t99"]
)
def test_the_desks_words_make_no_password(password: str) -> None:
    with pytest.raises(ValidationError, match="own words"):
        validate_password(password)


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "my desk lamp is quite green", "نان و پنیر و سبزی"]
)
def test_other_words_do(password: str) -> None:
    validate_password(password)


def test_the_words_are_written_down() -> None:
    paragraph = DOCUMENT.read_text().partition("desk's own words:")[2].partition("At least eight")[0]
    assert set(re.findall(r"`([^`]+)`", paragraph)) == set(OWN_WORDS)
