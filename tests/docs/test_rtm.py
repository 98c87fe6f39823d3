"""Each requirement has one row, which says where it stands and names what there is."""

import re
from pathlib import Path

import pytest

from tests.docs.test_links import CODE, LINK, ROOT

DOCUMENT = ROOT / "docs/RTM.md"
REQUIREMENTS = Path(__file__).with_name("requirements.txt").read_text().split()
ROW = re.compile(r"^\| ([GPCU]\d+(?:\.\d+)?[a-z]?) \| (.+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
ROWS = ROW.findall(DOCUMENT.read_text())
STATES = ("done", "part: ", "planned")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def named(*cells: str) -> list[str]:
    """Paths and targets in the cells; a bare file name is one of the folder named before it."""
    found, folder = [], ""
    for name in (text for cell in cells for text in CODE.findall(cell)):
        if "/" in name or name in {"Makefile", "manage.py"}:
            folder = name if name.endswith("/") else folder
            found.append(name)
        elif name.endswith(".py"):
            found.append(folder + name)
        elif name.startswith("make "):
            found.append(name)
    return found


def exists(name: str) -> bool:
    if name.startswith("make "):
        return name.split()[1] in TARGET.findall((ROOT / "Makefile").read_text())
    return name.startswith("/") or (ROOT / name).exists()


def test_no_requirement_is_missing_and_none_is_there_twice() -> None:
    ids = [row[0] for row in ROWS]

    assert len(REQUIREMENTS) == 72
    assert sorted(one for one in ids if not one[-1].isalpha()) == sorted(REQUIREMENTS)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_row_names_what_there_is_and_says_where_it_stands(row: tuple[str, ...]) -> None:
    _id, _words, code, tests, documents, state = row

    assert [name for name in named(code, tests) if not exists(name)] == []
    assert state.startswith(STATES)
    assert named(tests) or LINK.findall(documents), "neither a test nor a document shows it"


def test_what_does_not_exist_is_found() -> None:
    cells = "`tests/wallets/` (`test_killed.py`, `test_gone.py`), `make test`", "`make gone`, `users/gone.py`"

    assert [name for name in named(*cells) if not exists(name)] == [
        "tests/wallets/test_gone.py", "make gone", "users/gone.py"
    ]  # fmt: skip
