"""The benches measure what they say: both racers write the same, and every page of the list can be asked for."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection

from rfq.models import Rfq
from settlement import reconciliation
from settlement.models import Settlement
from trading.sandbox import page_bench
from trading.sandbox.bench import ours, pattern, script
from trading.sandbox.bench.pace import Stopwatch
from trading.sandbox.bench.parties import BEST, PRICES, Parties, know_what_it_is_worth, parties
from trading.sandbox.bench.plain import Plain
from trading.sandbox.bench.trips import Trips
from trading.sandbox.seed import seed

MOST_TRIPS = {"create_rfq": 7, "submit_quote": 6, "accept_quote": 8, "pay": 7}  # of the last of each name

JOBS = "procrastinate_jobs where task_name <> 'rfq.sweep'"


@pytest.fixture
def traders(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parties]:
    """Of the sandbox's small world."""
    monkeypatch.setenv("SANDBOX_PASSWORD", secrets.token_urlsafe(16))
    monkeypatch.setenv("SANDBOX_TOTP_KEY", secrets.token_hex(20))
    seed(lambda _: None)
    know_what_it_is_worth()
    yield parties(0)
    cache.clear()


def rows() -> dict[str, int]:
    """How many rows every table has, those of the jobs among them; deadlines of one second share a job."""
    tables = {model._meta.db_table for model in apps.get_models() if model._meta.managed} | {JOBS}
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(tables):
            cursor.execute(f"select count(*) from {table}")  # noqa: S608 - names of our own tables
            found[table] = cursor.fetchone()[0]
    return found


def added(before: dict[str, int]) -> dict[str, int]:
    return {table: number - before[table] for table, number in rows().items() if number != before[table]}


def test_plain_sql_writes_what_the_operations_write(traders: Parties) -> None:
    values, trips = pattern.values(traders), Trips(connection)
    before = rows()
    ours.lifecycle(traders, trips)
    by_ours = added(before)

    before = rows()
    with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}) as session:
        session.autocommit = True
        plain = Plain(session, values, script.whole(len(PRICES), BEST))
        watch = Stopwatch()
        plain.lifecycle(watch)

    assert added(before) == by_ours
    assert by_ours["settlement_entry"] > by_ours["rfq_quote"] == len(PRICES)
    assert set(watch.took) == set(trips.counted) == set(MOST_TRIPS)
    for name, said in trips.counted.items():
        assert 0 < said["statements"] <= said["round_trips"] <= MOST_TRIPS[name], (name, said)
    first, second = Settlement.objects.order_by("-pk")[:2]
    assert (first.status, first.base_amount, first.price) == (second.status, second.base_amount, second.price)
    assert [str(one) for one in reconciliation.reconcile().differences] == []


def test_every_page_is_measured(traders: Parties) -> None:
    ours.lifecycle(traders)
    costs = list(page_bench.measure(page_bench.FEWEST))

    assert len({one.page for one in costs}) == len(costs) > len(page_bench.LISTS)
    assert all(one.p95_ms >= one.p50_ms > one.sql_ms > 0 and one.statements > 0 for one in costs)
    assert "metrics" in page_bench.table(costs)
    assert page_bench.as_json(costs)["rfqs"] == Rfq.objects.count()
