"""The page of all components: every one is on it, in every state; and it is there in the sandbox alone."""

import re
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.console.test_rooms import text
from trading.lib.looks import LOOKS
from trading.showroom import page


@pytest.fixture
def shown(console: Client) -> str:
    return text(console.get("/components/"))


def test_every_component_is_there_or_known_not_to_be(shown: str) -> None:
    every = {path.stem for path in page.FOLDER.glob("*.html")}
    drawn = set(re.findall(r'data-component="(\w+)"', shown))

    assert every - drawn == page.FRAME | set(page.WITHIN)
    assert drawn <= every
    assert set(page.WITHIN.values()) <= drawn
    for name in page.FRAME:
        assert f"components/{name}.html" in (page.FOLDER.parent / "base.html").read_text() + "".join(
            (page.FOLDER / f"{other}.html").read_text() for other in page.FRAME
        ), name


def test_every_state_that_has_a_look_is_there(shown: str) -> None:
    for machine, looks in LOOKS.items():
        for status in looks:
            assert f"state_chip: {machine} {status}<" in shown


def test_ids_are_its_own_and_what_they_name_is_there(shown: str) -> None:
    ids = Counter(re.findall(r'\sid="([^"]+)"', shown))
    assert [name for name, number in ids.items() if number > 1] == []
    named = re.findall(r'\s(?:for|aria-labelledby|aria-controls)="([^"]+)"', shown)
    assert {name for names in named for name in names.split()} - set(ids) == set()


def test_it_is_in_the_sandbox_alone(console: Client, settings: Any) -> None:
    settings.IS_SANDBOX = False
    assert console.get("/components/").status_code == 404
    settings.DEBUG = True
    assert console.get("/components/").status_code == 200


def test_samples_are_no_rows(console: Client) -> None:
    console.get("/components/")
    with CaptureQueriesContext(connection) as asked:
        console.get("/components/")
    assert len(asked) <= 20
