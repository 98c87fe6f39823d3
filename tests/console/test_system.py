"""The page of the desk's own health."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerting.models import Heartbeat, OutboundMessage
from tests import factories
from tests.alerting import mail
from tests.alerting.mail import mailers
from tests.console import scene
from tests.console.conftest import verified_client
from trading.lib import clock, jobs
from users import operations
from users.models import User
from users.verification import Finding, Kind, Report

MOST_QUERIES = 25


def lines(client: Client) -> dict[str, str]:
    """What stands in each line, without its markup."""
    page = client.get("/system/").content.decode()
    rows = re.findall(r'<th scope="row"><bdi>(.*?)</bdi></th>(.*?)</tr>', page, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", cells).split()) for name, cells in rows}


def test_says_what_runs_what_is_silent_and_what_was_never_heard(console: Client) -> None:
    Heartbeat.objects.create(name="worker", at=clock.now())
    assert lines(console)["Worker"] == "Good just now"
    assert lines(console)["Bot"] == "Bad never heard"

    Heartbeat.objects.update(at=clock.now() - timedelta(minutes=3))
    assert lines(console)["Worker"] == "Bad 3 min ago"


def test_says_which_jobs_wait_and_which_belong_to_nobody(console: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")
    jobs.defer("jobs.heartbeat", timestamp=0)
    assert lines(console)["default"] == "Good 1 waits, 0 run"

    with connection.cursor() as cursor:
        cursor.execute("update procrastinate_jobs set status = 'doing'")
    assert lines(console)["default"] == "Bad 0 wait, 1 runs, 1 stalled"


def test_says_when_evidence_and_backups_were_looked_after(console: Client) -> None:
    before = lines(console)
    assert (before["Evidence verified"], before["Backup"], before["Restore drill"]) == (
        "Look at it never",
        "Look at it never",
        "Look at it never",
    )

    operations.record_verification(report=Report(), anchored=None, now=clock.now())
    operations.record_backup(detail="", now=clock.now())
    operations.record_drill(detail="", now=clock.now() - timedelta(days=9))
    after = lines(console)
    assert (after["Evidence verified"], after["Backup"]) == ("Good just now", "Good just now")
    assert after["Restore drill"] == "Look at it 9 days ago"

    fault = Finding(Kind.ANCHOR, "seal 3", "is missing")
    operations.record_verification(report=Report(findings=[fault]), anchored=None, now=clock.now())
    assert lines(console)["Evidence verified"] == "Bad 1 finding · just now"


def test_says_of_each_wallet_when_its_chain_was_heard(console: Client) -> None:
    market = factories.market()

    assert lines(console)[f"{market.wallet.name} · {market.wallet.chain}"].startswith("Bad never heard")


def test_says_whether_letters_get_away(console: Client, settings: Any) -> None:
    settings.MAILERS = {}
    assert lines(console)["E-mail"] == "Off no mail server is set"

    settings.MAILERS = mailers(25)
    mail.letter(created_at=clock.now())
    assert lines(console)["E-mail"] == "Good 1 letter waits"
    mail.letter(created_at=clock.now() - timedelta(minutes=11))
    assert lines(console)["E-mail"] == "Look at it 2 letters wait"

    OutboundMessage.objects.update(status="sending")
    OutboundMessage.objects.update(status="sent", sent_at=clock.now())
    assert lines(console)["E-mail"] == "Good 0 letters wait · just now"


def test_names_the_database_and_the_version(console: Client, settings: Any) -> None:
    settings.REVISION = "0123456789abcdef"
    page = console.get("/system/").content.decode()

    assert re.fullmatch(r"Good \d\d(\.\d+)?, \d+ [kMG]B", lines(console)["PostgreSQL"])
    assert "0.1.0 · 0123456789ab</bdi>" in page


def test_speaks_persian(olga: User) -> None:
    operations.set_language(user=olga, language="fa", now=clock.now())
    olga.refresh_from_db()
    page = verified_client(olga).get("/system/").content.decode()

    assert "سلامت سامانه" in page
    assert "کارگر" in page


@pytest.mark.parametrize("rows", [2, 20])
def test_costs_the_same_queries_for_few_and_many_rows(console: Client, rows: int) -> None:
    scene.build(rows)
    console.get("/system/")
    with CaptureQueriesContext(connection) as asked:
        console.get("/system/")

    assert len(asked) <= MOST_QUERIES


def test_a_poll_gets_the_lines_alone(console: Client) -> None:
    answer = console.get("/system/?v=older", headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in answer
    assert 'id="system"' in answer
