"""On a phone a table's rows are cards: each cell has its own place there, or says what it is, or is left out."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.BASE_DIR) / "templates"
CARDS = re.compile(r'<table class="t cards.*?</table>', re.DOTALL)
CELL = re.compile(r"<td[^>]*>")
PLACED = re.compile(r"\bc-(id|age|sub|st|amt|why|act)\b|\bopt\b|data-l=|colspan=")
TABLES = sorted(path for path in TEMPLATES.rglob("*.html") if CARDS.search(path.read_text()))


def test_there_are_such_tables() -> None:
    assert len(TABLES) > 10


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_cell_of_a_card_has_its_place_or_its_label(path: Path) -> None:
    cells = [cell for table in CARDS.findall(path.read_text()) for cell in CELL.findall(table)]

    assert cells
    assert [cell for cell in cells if not PLACED.search(cell)] == []
