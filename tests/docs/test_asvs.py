"""The table of ASVS requirements has each number of levels 1 and 2 once, and says of each where it stands."""

import re
from collections import Counter
from pathlib import Path

from tests.docs.test_links import CODE, ROOT, missing_paths

DOCUMENT = ROOT / "docs/asvs.md"
LEVELS = Path(__file__).with_name("asvs-5.0.0.txt")  # numbers and levels alone: the words are the standard's
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
STATES = {"met", "partly", "open", "n/a"}


def rows() -> list[tuple[str, ...]]:
    return ROW.findall(DOCUMENT.read_text())


def test_each_requirement_is_there_once_with_its_level() -> None:
    wanted = [tuple(line.split()) for line in LEVELS.read_text().splitlines()]

    assert len(wanted) == 253
    assert [row[:2] for row in rows()] == wanted


def test_each_says_where_it_stands() -> None:
    assert {row[3] for row in rows()} == STATES
    assert [row[0] for row in rows() if not row[2].strip() or not row[4].strip()] == []


def test_the_states_are_counted() -> None:
    counted = Counter(row[3] for row in rows())
    told = re.findall(r"^\| (met|partly|open|n/a) \| [^|]+ \| (\d+) \|$", DOCUMENT.read_text(), re.MULTILINE)

    assert dict(told) == {state: str(number) for state, number in counted.items()}


def test_what_is_met_names_what_shows_it() -> None:
    met = [row for row in rows() if row[3] == "met"]
    bare = [row[0] for row in met if ".md" not in row[4] and not any(map(exists, CODE.findall(row[4])))]

    assert bare == []


def exists(name: str) -> bool:
    return name.startswith("make ") or ("/" in name and not name.startswith("/") and (ROOT / name).exists())


def test_every_path_named_exists() -> None:
    named = [name for row in rows() for name in CODE.findall(row[4])]
    other = [name for name in named if name.startswith(("bin/", "static/", "requirements/")) or name.endswith(".txt")]

    assert missing_paths(DOCUMENT) == []
    assert [name for name in other if not (ROOT / name).exists()] == []
