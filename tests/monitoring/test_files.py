"""What stands in `deploy/` about monitoring: its metrics exist, every rule is tested, explained and routed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client

from tests.monitoring import outside

DEPLOY = Path(settings.BASE_DIR) / "deploy"
METRIC = re.compile(r"\b(?:desk|django|node|probe|prometheus|alertmanager)_[a-z0-9_]+\b|\bup\b")
RECORDED = re.compile(r"\bdesk:[a-z0-9_:]+")
# What the desk does not tell itself: Prometheus about its targets, the exporters of machines and of the front.
OF_OTHERS = {
    *("up", "probe_success", "probe_ssl_earliest_cert_expiry", "alertmanager_notifications_failed_total"),
    *("node_filesystem_avail_bytes", "node_filesystem_size_bytes"),
}
OWNERS = {"on-call", "ops", "settlement", "finance", "treasury", "security", "operator"}


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in sorted((DEPLOY / "prometheus/rules").glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels() -> Iterator[dict[str, Any]]:
    board = json.loads((DEPLOY / "grafana/dashboards/desk.json").read_text())
    yield from (panel for panel in board["panels"] if panel["type"] != "row")


@pytest.fixture
def told(client: Client, db: None) -> set[str]:
    """Every name the desk's own page may hold, samples or none."""
    client.get("/health/live")
    names: set[str] = set()
    for line in client.get("/metrics").content.decode().splitlines():
        if line.startswith("# TYPE "):
            _hash, _type, name, kind = line.split()
            names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def test_every_metric_in_a_rule_or_a_panel_is_told_by_the_desk_or_known_to_be_anothers(told: set[str]) -> None:
    expressions = [rule["expr"] for rule in rules()]
    expressions += [target["expr"] for panel in panels() for target in panel["targets"]]
    named = {name for expression in expressions for name in METRIC.findall(expression)}

    assert len(named) > 40
    assert named - told - OF_OTHERS == set()
    assert named >= OF_OTHERS
    recorded = {name for expression in expressions for name in RECORDED.findall(expression)}
    assert recorded <= {rule["record"] for rule in rules() if "record" in rule}


# A counter that has counted in this process also tells since when.
OURS = re.compile(r"desk_(?!.*_created$)")


def test_every_row_of_the_table_is_told_and_explained(told: set[str]) -> None:
    page = (Path(settings.BASE_DIR) / "docs/metrics.md").read_text()
    explained = set(re.findall(r"`(desk_[a-z_]+)`", page))
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told if OURS.match(name)}

    assert ours - explained == set()
    assert explained - ours == set()


def test_every_alert_is_tested_explained_owned_and_says_what_to_do() -> None:
    tests = "".join(path.read_text() for path in (DEPLOY / "prometheus/tests").glob("*.yml"))
    page = (Path(settings.BASE_DIR) / "docs/monitoring.md").read_text()
    for rule in alerts():
        name = rule["alert"]
        assert re.search(rf"alertname: {name}\n\s+exp_alerts:\n", tests), f"{name} is never seen to fire"
        assert rule["labels"]["owner"] in OWNERS, name
        assert rule["labels"]["severity"] in {"critical", "warning", "none"}, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"
        assert f"\n### {name}\n" in page, f"{name} is not in docs/monitoring.md"
    assert len(alerts()) > 25


def test_every_alert_named_by_a_route_or_an_inhibition_exists() -> None:
    given = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())
    sides = [one[side] for one in given["inhibit_rules"] for side in ("source_matchers", "target_matchers")]
    matchers = [text for side in sides for text in side]
    matchers += [text for route in given["route"]["routes"] for text in route["matchers"]]
    patterns = [found[1] for text in matchers for found in re.finditer(r'alertname=~?"([^"]+)"', text)]
    names = [rule["alert"] for rule in alerts()]

    assert len(patterns) > 10
    for pattern in patterns:
        for word in pattern.split("|"):
            assert any(re.fullmatch(word, name) for name in names), word


def test_secrets_stand_in_files_of_their_own() -> None:
    for path in (DEPLOY / "prometheus/prometheus.yml", DEPLOY / "alertmanager/alertmanager.yml"):
        assert (
            re.findall(r"(?m)^\s*(?:password|credentials|bearer_token|\w*auth_password|api_key):", path.read_text())
            == []
        )
    assert (DEPLOY / "prometheus/secrets/.gitignore").read_text().startswith("*\n")
    assert (DEPLOY / "alertmanager/secrets/.gitignore").read_text().startswith("*\n")


def test_the_trial_changes_nothing_but_the_waiting() -> None:
    for path in (DEPLOY / "prometheus/rules").glob("*.yml"):
        given, changed = yaml.safe_load(path.read_text()), outside.impatient_rules(yaml.safe_load(path.read_text()))
        for before, after in zip(given["groups"], changed["groups"], strict=True):
            for one, other in zip(before["rules"], after["rules"], strict=True):
                differ = {key for key in one if one[key] != other[key]}
                assert differ <= ({"expr"} if one.get("alert") in outside.SAYS_SILENT else {"for"})


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        mine = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not mine & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= mine
