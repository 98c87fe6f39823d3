"""Every sentence the bot can say exists in every language of the desk."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

SPOKEN = ("*/bot.py", "rfq/cards.py", "rfq/bot_disputes.py", "rfq/dispute_errors.py", "*/errors.py",
          "users/callbacks.py", "trading/bot/*.py", "trading/lib/*.py",
          "settlement/ledger.py", "rfq/references.py")  # fmt: skip
CALLS: dict[str, None] = {"_": None, "gettext": None, "gettext_lazy": None}
OTHERS = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def sentences() -> set[str]:
    root = Path(settings.BASE_DIR)
    sources = [templatize(path.read_text()) for path in sorted((root / "templates" / "telegram").glob("*.html"))]
    sources += [path.read_text() for pattern in SPOKEN for path in sorted(root.glob(pattern))]
    found: set[str] = set()
    for source in sources:
        for _line, _call, message, _comments in extract_python(io.BytesIO(source.encode()), CALLS, (), {}):
            found.add(str(message))
    return found


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated_with_its_placeholders(language: str) -> None:
    catalogue = Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"
    with catalogue.open("rb") as file:
        said = {str(entry.id): str(entry.string or "") for entry in read_po(file, locale=language)}

    spoken = sentences()
    assert len(spoken) > 100
    assert sorted(text for text in spoken if not said.get(text)) == []
    for text in spoken:
        assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(said[text])), text
