"""Every sentence the bot can say exists in every language of the desk, with its placeholders, tags and plural forms."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

SPOKEN = ("*/bot.py", "*/bot_*.py", "users/dialogues.py", "rfq/cards.py", "rfq/dispute_errors.py", "*/errors.py",
          "users/callbacks.py", "trading/bot/*.py", "trading/lib/*.py", "settlement/ledger.py", "rfq/references.py",
          "rfq/dispute_notices.py", "rfq/periods.py", "rfq/papers/*.py", "rfq/operations/*.py",
          "settlement/operations/*.py", "settlement/pauses.py", "settlement/banks.py", "settlement/addresses.py",
          "settlement/arrival_reasons.py", "settlement/confirming.py",
          "users/operations/telegram.py", "alerting/*.py", "alerting/models/preferences.py",
          "rfq/models/disputes.py")  # fmt: skip
CALLS: dict[str, Any] = dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"))
OTHERS = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
TAG = re.compile(r"</?[a-z]+>|&[a-z]+;")


def sentences() -> set[str]:
    """What can be said; of what has a plural, the singular."""
    root = Path(settings.BASE_DIR)
    sources = [templatize(path.read_text()) for path in sorted((root / "templates" / "telegram").glob("*.html"))]
    sources += [path.read_text() for pattern in SPOKEN for path in sorted(root.glob(pattern))]
    found: set[str] = set()
    for source in sources:
        for _line, _call, message, _comments in extract_python(io.BytesIO(source.encode()), CALLS, (), {}):
            said: Any = message
            found.add(said[0] if isinstance(said, tuple) else said)
    return {text for text in found if text}


def catalogue(language: str) -> Catalog:
    path = Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str) -> None:
    entries = catalogue(language)
    spoken = sentences()
    assert len(spoken) > 400
    missing = [text for text in spoken if (entry := entries.get(text)) is None or entry.fuzzy or not all(_forms(entry))]
    assert sorted(missing) == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_placeholders_tags_and_all_plural_forms(language: str) -> None:
    entries = catalogue(language)
    for entry in entries:
        if not entry.id:
            continue
        text = entry.id[-1] if isinstance(entry.id, (list, tuple)) else entry.id
        if isinstance(entry.id, (list, tuple)):
            assert len(_forms(entry)) == entries.num_plurals, text
        for form in _forms(entry):
            assert set(PLACEHOLDER.findall(form)) <= set(PLACEHOLDER.findall(text)), text
            assert sorted(TAG.findall(form)) == sorted(TAG.findall(text)), text
        if not isinstance(entry.id, (list, tuple)):
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(str(entry.string))), text


def _forms(entry: object) -> list[str]:
    string = entry.string  # type: ignore[attr-defined]
    return list(string) if isinstance(string, (list, tuple)) else [str(string or "")]
