"""The catalogues themselves: gettext takes them, and Persian, which the console speaks, has everything."""

import shutil
import subprocess
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))
EACH = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])


def test_there_are_those_of_all_languages() -> None:
    assert [path.parts[-3] for path in CATALOGUES] == ["ar", "fa", "ru", "tr"]


@EACH
def test_gettext_and_babel_take_it(path: Path, tmp_path: Path) -> None:
    """`msgfmt` where it is installed; Babel's own checks of places and plurals everywhere."""
    with path.open("rb") as file:
        problems = [
            (message.id, str(error))
            for message, errors in read_po(file, locale=path.parts[-3]).check()
            for error in errors
        ]
    assert problems == []
    if tool := shutil.which("msgfmt"):
        done = subprocess.run(
            [tool, "--check-format", "-o", tmp_path / "x.mo", path],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")


@EACH
def test_nothing_in_it_is_said_twice_or_by_guess(path: Path) -> None:
    text = path.read_text()
    with path.open("rb") as file:
        messages = [message for message in read_po(file, locale=path.parts[-3]) if message.id]

    assert [message.id for message in messages if message.fuzzy] == []
    assert "#~ " not in text
    if path.parts[-3] == "fa":
        assert [message.id for message in messages if not is_whole(message.string)] == []


def is_whole(said: object) -> bool:
    return all(said) if isinstance(said, tuple) else bool(said)
