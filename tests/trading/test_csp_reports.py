"""Reports of pages that broke the Content-Security-Policy: bounded, counted, logged without what people see."""

import json
import logging
from typing import Any

import pytest
from django.test import Client

from trading import csp


def send(client: Client, report: object, *, kind: str = "application/csp-report", **more: Any) -> Any:
    body = report if isinstance(report, (str, bytes)) else json.dumps({"csp-report": report})
    return client.post("/csp-report/", body, content_type=kind, **more)


def counted(client: Client, directive: str) -> float:
    lines = client.get("/metrics").content.decode().splitlines()
    found = [line for line in lines if line.startswith(f'desk_csp_violations_total{{directive="{directive}"}}')]
    return float(found[0].split()[-1]) if found else 0


def test_a_report_is_counted_and_logged_without_paths(client: Client, db: None, caplog: Any) -> None:
    before = counted(client, "img-src")

    with caplog.at_level(logging.WARNING, logger="trading.csp"):
        answer = send(
            client,
            {
                "document-uri": "https://desk.example/users/USR-7KQ2M4TX/?q=olga",
                "effective-directive": "img-src",
                "blocked-uri": "https://evil.example/pixel?who=olga",
            },
        )

    assert (answer.status_code, answer.content) == (204, b"")
    assert counted(client, "img-src") == before + 1
    (record,) = [one for one in caplog.records if one.name == "trading.csp"]
    assert (record.directive, record.blocked) == ("img-src", "https://evil.example")
    assert "olga" not in str(record.__dict__)
    assert "USR-" not in str(record.__dict__)


def test_browsers_need_no_token_to_report(db: None) -> None:
    assert send(Client(enforce_csrf_checks=True), {"violated-directive": "script-src 'self'"}).status_code == 204


@pytest.mark.parametrize(
    "report",
    ["", "{", "[]", "null", '{"csp-report": null}', '{"csp-report": []}', b"\xff\xfe", "[" * 8000, '{"other": {}}'],
)
def test_what_is_no_report_is_refused(client: Client, db: None, report: str | bytes) -> None:
    assert send(client, report).status_code == 400


def test_what_is_large_or_of_another_kind_is_refused_unread(client: Client, db: None) -> None:
    assert send(client, {"blocked-uri": "x" * csp.LARGEST}).status_code == 400
    assert send(client, {}, kind="text/plain").status_code == 400
    assert client.get("/csp-report/").status_code == 405


@pytest.mark.parametrize(
    ("blocked", "shown"),
    [("inline", "inline"), ("eval", "eval"), ("", "other"), ("http://[", "other"), ("https://例え/", "other"),
     ("wss://a.example:8443/x", "wss://a.example")],
)  # fmt: skip
def test_blocked_things_are_named_by_where_they_came_from(blocked: str, shown: str) -> None:
    assert csp._origin(blocked) == shown


def test_directives_nobody_knows_make_no_new_series(client: Client, db: None) -> None:
    before = counted(client, "other")

    send(client, {"effective-directive": "made-up-by-a-stranger"})

    assert counted(client, "other") == before + 1
    assert counted(client, "made-up-by-a-stranger") == 0


def test_one_address_reports_so_often_a_minute_and_no_more(client: Client, db: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(csp, "A_MINUTE", 3)

    statuses = [send(client, {}).status_code for _ in range(8)]

    assert statuses.count(429) >= 2  # a new minute may begin in between
    assert send(client, {}, REMOTE_ADDR="203.0.113.7").status_code == 204
