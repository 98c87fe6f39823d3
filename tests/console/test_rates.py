"""The reference rates' page: what it shows of good and bad references, and what it costs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rfq import operations
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_rooms import POLL, poll_url, text
from trading.lib import clock
from users.models import Role

MOST_QUERIES = 10


def take(*mids: str, ago: float = 0, problem: str = "", pairs: tuple[str, ...] = ("USDT/EUR",)) -> None:
    at = clock.now() - timedelta(seconds=ago)
    answers = [
        Answer(f"source-{number}", tuple(Tick(pair, Decimal(mid), at) for pair in pairs), problem)
        for number, mid in enumerate(mids)
    ]
    operations.take_rates(answers=answers, now=at)


@pytest.fixture
def pair(db: None) -> Any:
    return scene.market()


def test_a_good_reference_shows_mid_band_and_who_said_what(console: Client, pair: Any) -> None:
    take("0.92", "0.922", "0.95")

    page = text(console.get("/rates/"))

    for words in ("USDT/EUR", "0.9210", "Good", "0.9026", "0.9394", "source-0", ">0.95<", "Left out", "Answers"):
        assert words in page
    assert "Cannot be traded" not in page


@pytest.mark.parametrize(
    ("mids", "ago", "words"),
    [
        ((), 0, "Cannot be traded: too few sources give a price."),
        (("0.92", "0.92"), 31, "Cannot be traded: the prices of its sources are too old."),
        (("0.92", "0.99"), 0, "Cannot be traded: its sources disagree."),
    ],
)
def test_a_pair_that_fails_closed_says_why(
    console: Client, pair: Any, mids: tuple[str, ...], ago: float, words: str
) -> None:
    take(*mids, ago=ago)

    assert words in text(console.get("/rates/"))


def test_a_failing_source_says_what_is_wrong_and_harms_nobody(console: Client, pair: Any) -> None:
    take("0.92", "0.92", problem="<script>alert(1)</script> answers 503")

    page = text(console.get("/rates/"))

    assert "Failing" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; answers 503" in page


def test_nothing_set_up_is_said(console: Client) -> None:
    page = text(console.get("/rates/"))

    assert "No pairs here." in page
    assert "No sources are set up" in page


def test_it_polls_and_holds_no_forms(console: Client, pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    take("0.92", "0.92")
    url = poll_url(text(console.get("/rates/")))

    unchanged = console.get(url, headers=POLL)
    now += timedelta(seconds=31)
    changed = text(console.get(url, headers=POLL))

    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert "too old" in changed
    assert "<form" not in changed
    assert "<html" not in changed


def test_it_costs_the_same_queries_for_few_and_many_pairs(console: Client, pair: Any) -> None:
    counts: list[int] = []
    for codes in (("AED",), ("TRY", "GBP", "CHF", "JPY")):
        for code in codes:
            factories.open_pair(f"USDT/{code}")
        take("1.5", "1.5", ago=2 - len(counts) * 2, pairs=("USDT/EUR", *(f"USDT/{code}" for code in codes)))
        console.get("/rates/")
        with CaptureQueriesContext(connection) as asked:
            console.get("/rates/")
        counts.append(len(asked))

    assert counts[0] == counts[1] <= MOST_QUERIES


@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 200), (Role.ADMIN, 200), (Role.TRADER, 302)])
def test_people_of_the_desk_may_look(db: None, role: str, status: int) -> None:
    assert verified_client(factories.user(role)).get("/rates/").status_code == status
