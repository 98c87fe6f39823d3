"""Every list, read page by page to its end: each row once, whatever comes in meanwhile and however equal rows are."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.console import whole
from tests.console.conftest import verified_client
from tests.console.test_lists import GROWN, WITHOUT_END, grow, older, rows
from tests.console.test_rooms import text

AT_FIRST = 130  # more than one page of any list; copies of one row, so that all their times are equal
MEANWHILE = 1000  # numbers of rows that come in while one reads
BACK = re.compile(r'<a class="btn sm" href="([^"]+)">(?:(?!</a>).)*(?:Newest|Beginning)', re.DOTALL)
FIRST_OF_TWO = "/destinations/#accounts"


@pytest.fixture
def reader(db: None) -> Client:
    return verified_client(whole.build())


def pages(client: Client, path: str) -> Iterator[str]:
    """The list's pages, from the beginning on."""
    place = path.partition("#")[0]
    while place:
        part = opened(client, place, path)
        yield part
        place = next(iter(older(part)), "")


def opened(client: Client, place: str, path: str) -> str:
    """The section of a page that has the list with its pager; other rows may stand above it."""
    parts = text(client.get(place)).split('<nav class="pager"')
    if len(parts) < 2:  # an empty list
        return ""
    at = 0 if path == FIRST_OF_TWO else len(parts) - 2
    return parts[at][parts[at].rindex("<table") :] + parts[at + 1].partition("</nav>")[0]


def ids(page: str) -> list[str]:
    return ["".join(found) for found in rows(page)]


def repeated(found: list[str]) -> list[str]:
    return [row for row, times in Counter(found).items() if times > 1]


def test_lists_show_each_row_once_though_rows_come_in_meanwhile(reader: Client, owner: Any) -> None:
    walked = {path: what_is_wrong(reader, owner, path) for path in GROWN if path not in WITHOUT_END}
    assert {path: said for path, said in walked.items() if said} == {}


def what_is_wrong(reader: Client, owner: Any, path: str) -> str:
    """Walk to the end and back, once over rows that stay, once while others come in."""
    table, changes = GROWN[path]
    before = [row for page in pages(reader, path) for row in ids(page)]
    grow(owner, table, 1, AT_FIRST, changes)
    everything = [row for page in pages(reader, path) for row in ids(page)]
    if repeated(everything) or len(everything) != len(before) + AT_FIRST:
        return f"{len(before)} rows and {AT_FIRST} more make {len(everything)}; twice: {repeated(everything)}"
    seen: list[str] = []
    part, number = "", 0
    for number, part in enumerate(pages(reader, path), start=1):
        seen += ids(part)
        grow(owner, table, MEANWHILE + number, MEANWHILE + number, changes)
    if repeated(seen) or set(everything) - set(seen):
        return f"twice: {repeated(seen)}; left out: {sorted(set(everything) - set(seen))}"
    back = BACK.search(part)
    if number < 2 or back is None:
        return f"{number} pages, and no way back"
    first = opened(reader, back[1].replace("&amp;", "&"), path)
    begins = opened(reader, path.partition("#")[0], path)
    return "" if ids(first) == ids(begins) and not BACK.search(first) else "the way back does not lead to the beginning"
