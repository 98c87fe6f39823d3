"""All connections to PostgreSQL lost at once, as when it restarts."""

import subprocess

import pytest
from django.db import connection

from alerting import queries
from alerting.models import InboundUpdate
from tests.bot.scene import TARA
from tests.crash.running import process, wait_for
from tests.probes import sql
from trading.lib import clock
from trading.sandbox.telegram.client import SandboxClient


def cut_connections() -> None:
    """End every session of this role but the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and usename = current_user and pid <> pg_backend_pid()"
        )


def listens() -> bool:
    """Whether somebody waits for NOTIFY in this database."""
    waiting = "select from pg_stat_activity where datname = current_database() and query like 'LISTEN%'"
    return sql(f"select exists ({waiting})") is True


def beats_after(name: str) -> None:
    since = clock.now()
    wait_for(lambda: queries.heartbeats().get(name, since) > since)


@pytest.mark.processes
def test_worker_ends_at_once_with_a_failure_so_that_its_supervisor_starts_it_again(
    db: None, telegram: SandboxClient
) -> None:
    with process("worker") as worker:
        beats_after("worker")
        assert listens()
        cut_connections()

        try:
            assert worker.wait(10) == 1
        except subprocess.TimeoutExpired:
            pytest.fail("the worker went on without a database")
    with process("worker", "--no-listen"):
        beats_after("worker")
        assert not listens()


@pytest.mark.processes
def test_bot_goes_on_by_itself(db: None, telegram: SandboxClient) -> None:
    telegram.reset()
    with process("bot") as bot:
        beats_after("bot")
        cut_connections()
        telegram.say(TARA, "still there?")
        wait_for(lambda: InboundUpdate.objects.count() == 1)

        assert bot.poll() is None
