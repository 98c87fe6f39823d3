"""The console speaks all its languages."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests.console import messages
from trading.lib.looks import LOOKS

ROOT = Path(__file__).resolve().parents[2]
PLACE = re.compile(r"%\(\w+\)s|\{\w*\}|<[^>]+>")


@pytest.fixture(scope="module")
def persian() -> dict[str, list[str]]:
    with (ROOT / "locale/fa/LC_MESSAGES/django.po").open("rb") as file:
        catalogue = read_po(file, locale="fa")
    found = {}
    for message in catalogue:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if ids[0] and not message.fuzzy:
            found[str(ids[0])] = [str(string or "") for string in strings]
    return found


def test_every_sentence_has_its_persian(persian: dict[str, list[str]]) -> None:
    spoken = [*messages.of_templates(), *messages.of_modules()]
    missing = sorted({f"{where}: {text}" for text, where in spoken if not all(persian.get(text, [""]))})

    assert len(spoken) > 200
    assert missing == []


def test_persian_keeps_the_places_of_what_is_filled_in(persian: dict[str, list[str]]) -> None:
    for text, strings in persian.items():
        for string in strings:
            assert sorted(set(PLACE.findall(string))) == sorted(set(PLACE.findall(text))), text


def test_no_template_styles_or_scripts_inline() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        page = path.read_text()
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]* src=)|hx-on|javascript:", page), path


def test_every_icon_used_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/icons.svg").read_text()))
    used = {look.icon for machine in LOOKS.values() for look in machine.values()}
    for path in (ROOT / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([^"]+)"', path.read_text()))

    assert used <= sprite
