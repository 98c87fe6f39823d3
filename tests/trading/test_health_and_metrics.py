"""Health and metrics over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from alerting.models import Heartbeat
from rfq import operations
from tests import factories
from trading.lib import clock


@pytest.fixture
def beating(db: None) -> None:
    for name in ("worker", "bot"):
        Heartbeat.objects.create(name=name, at=clock.now())


def test_live_needs_nothing(client: Client, db: None) -> None:
    assert client.get("/health/live").json() == {"status": "live"}


def test_ready_when_everything_beats(client: Client, beating: None) -> None:
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "faults": []})


def test_web_that_is_about_to_end_says_so_whatever_else_is_well(
    client: Client, beating: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/health/serving").json() == {"status": "ok"}
    monkeypatch.setattr("trading.serving.is_ending", lambda: True)

    answer, ready = client.get("/health/serving"), client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (503, {"status": "ending: takes its last requests"})
    assert (ready.status_code, ready.json()["faults"]) == (503, ["serving"])
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("silent", ["worker", "bot"])
def test_not_ready_when_a_program_is_silent(client: Client, beating: None, silent: str) -> None:
    Heartbeat.objects.filter(name=silent).update(at=clock.now() - timedelta(seconds=61))

    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["faults"]) == (503, [silent])


def test_health_names_the_version_and_what_is_wrong(client: Client, db: None) -> None:
    answer = client.get("/health")

    assert answer.status_code == 503
    assert answer.json()["version"] == "0.1.0"
    assert answer.json()["checks"] == {
        "serving": "ok",
        "database": "ok",
        "migrations": "ok",
        "worker": "never heard",
        "bot": "never heard",
    }


def test_health_tells_others_only_whether_all_is_well(client: Client, beating: None, settings: Any) -> None:
    elsewhere = client.get("/health", REMOTE_ADDR="203.0.113.7")
    settings.METRICS_TOKEN = "a token of the operators"
    without, given = client.get("/health"), {"Authorization": "Bearer a token of the operators"}

    assert (elsewhere.status_code, elsewhere.json()) == (200, {"status": "ready"})
    assert without.json() == {"status": "ready"}
    assert set(client.get("/health", headers=given).json()) == {"status", "version", "revision", "checks", "email"}


@pytest.fixture
def samples(client: Client, beating: None) -> dict[str, float]:
    market = factories.market()
    factories.dispute(factories.fill(market))
    factories.rfq(market)
    operations.pause_lp(lp_ref=market.northwind.ref, actor=None, reason=factories.REASON, now=clock.now())
    text = client.get("/metrics").content.decode()
    names = {market.meridian.ref: "meridian", market.northwind.ref: "northwind"}
    return {
        f"{sample.name}{sorted((name, names.get(value, value)) for name, value in sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_what_happened(samples: dict[str, float]) -> None:
    assert samples["desk_rfqs_total[('side', 'buy'), ('status', 'filled')]"] == 1
    assert samples["desk_rfqs_total[('side', 'buy'), ('status', 'open')]"] == 2
    assert samples["desk_fills_total[('side', 'buy'), ('status', 'filled')]"] == 1
    assert samples["desk_settlement_queue_length[('state', 'approved')]"] == 1
    assert samples["desk_ledger_imbalance_usdt[('account_type', 'all')]"] == 0
    assert 0 <= samples["desk_reference_age_seconds[('pair', 'USDT/EUR')]"] < 60
    assert samples["desk_disputes[('status', 'open')]"] == 1
    assert samples["desk_disputes[('status', 'assigned')]"] == 0
    assert 0 <= samples["desk_dispute_oldest_seconds[('status', 'open')]"] < 60
    assert samples["desk_reference_usable[('pair', 'USDT/EUR')]"] == 1
    assert samples["desk_rate_source_failing[('source', 'one')]"] == 0
    assert samples["desk_lp_asked_total[('lp', 'meridian')]"] == 2
    assert samples["desk_lp_answered_total[('lp', 'meridian')]"] == 1
    assert samples["desk_lp_quote_seconds_count[('lp', 'meridian')]"] == 1
    assert "desk_lp_answered_total[('lp', 'northwind')]" not in samples
    assert [samples[f"desk_lp_paused[('lp', '{lp}')]"] for lp in ("meridian", "northwind")] == [0, 1]
    assert samples["desk_audit_unsealed[]"] > 0
    assert samples["desk_audit_findings[]"] == 0
    assert all(value == 1 for name, value in samples.items() if "collect_success" in name)


def test_metrics_are_not_public(client: Client, db: None, settings: object) -> None:
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 403

    settings.METRICS_TOKEN = "let-me-scrape"  # type: ignore[attr-defined]
    assert client.get("/metrics").status_code == 403
    given = {"Authorization": "Bearer let-me-scrape"}
    assert client.get("/metrics", headers=given, REMOTE_ADDR="203.0.113.7").status_code == 200
