"""The table of the console's rules names, for each, tests that there are."""

import re

from tests.docs.test_links import ROOT

ROW = re.compile(r"^\| (\d+|budget) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
RULES = 23


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall((ROOT / "docs/console.md").read_text())


def test_each_rule_is_there_once_and_has_its_proof() -> None:
    numbers = [number for number, _rule, _proof in rows() if number != "budget"]

    assert numbers == [str(number) for number in range(1, RULES + 1)]
    assert [rule for _number, rule, proof in rows() if not TEST.search(proof)] == []


def test_every_test_named_exists() -> None:
    named = [found for _number, _rule, proof in rows() for found in TEST.findall(proof)]

    assert named
    assert [f"{path}::{name}" for path, name in named if not is_there(path, name)] == []


def is_there(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and re.search(rf"^def {name}\(", file.read_text(), re.MULTILINE) is not None
