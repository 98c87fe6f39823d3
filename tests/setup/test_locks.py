"""The locks say what pyproject.toml asks for, without asking any index."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from trading.sandbox.localenv import ROOT

PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return {canonicalize_name(package): version for package, version in PIN.findall(text)}


def asked(group: str) -> Iterator[Requirement]:
    for entry in PROJECT["dependency-groups"][group]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from asked(entry["include-group"])


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("prod.txt", [Requirement(text) for text in PROJECT["project"]["dependencies"]]),
        ("dev.txt", list(asked("dev"))),
        ("node.txt", list(asked("node"))),
        ("engine.txt", list(asked("engine"))),
        ("mutation.txt", list(asked("mutation"))),
    ],
)
def test_lock_holds_a_version_that_is_asked_for(lock: str, wanted: list[Requirement]) -> None:
    held = pins(lock)

    for requirement in wanted:
        version = held.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in {lock}: run `make locks`"
        assert requirement.specifier.contains(version, prereleases=True), f"{lock}: run `make locks`"


def test_development_runs_what_production_runs() -> None:
    production, development = pins("prod.txt"), pins("dev.txt")

    assert production.items() <= development.items()


@pytest.mark.parametrize("lock", ["prod.txt", "dev.txt", "node.txt", "engine.txt", "mutation.txt"])
def test_every_pin_is_hashed_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()

    assert "://" not in text
    for entry in re.split(r"\n(?=\S)", text):
        assert not PIN.match(entry) or "--hash=sha256:" in entry


def test_npm_lock_is_hashed_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    wanted = json.loads((ROOT / "package.json").read_text())

    assert lock["packages"][""]["dependencies"] == wanted["dependencies"]
    assert lock["packages"][""]["devDependencies"] == wanted["devDependencies"]
    for name, package in lock["packages"].items():
        assert "resolved" not in package
        assert not name or package["integrity"].startswith("sha512-")
