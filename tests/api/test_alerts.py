"""Programs of the desk's people see what fires, acknowledge it, silence it, and propose other rules."""

from alerting.engine import settle
from alerting.findings import Finding
from alerting.models import Alert, AlertRule
from tests.api.conftest import Desk
from trading.lib import clock

WHY = "The provider of the node is being changed tonight."
KIND = "wallet_gas_low"


def test_alert_is_listed_acknowledged_and_taken_back(desk: Desk) -> None:
    settle(kind=KIND, findings=[Finding("hot", "hot", {"transfers": 3})], now=clock.now())
    (listed,) = desk.amir.get("alerts").json()["items"]
    assert (listed["type"], listed["values"], listed["status"]) == (KIND, {"transfers": 3}, "firing")
    path = f"alerts/{listed['ref']}/acknowledgement"

    for _again in range(2):
        done = desk.olga.post(path, {})
        assert (done.status_code, done.json()["acknowledged_by"]) == (200, "olga")
    assert desk.olga.delete(path).json()["status"] == "firing"
    assert desk.olga.delete(path).json()["code"] == "alert_not_acknowledged"
    settle(kind=KIND, findings=[], now=clock.now())
    assert desk.olga.post(path, {}).json()["code"] == "alert_not_firing"
    assert desk.olga.post("alerts/ALT-NONE/acknowledgement", {}).status_code == 404
    assert desk.amir.get("alerts").json()["items"] == []


def test_silence_is_made_listed_and_ended(desk: Desk) -> None:
    body = {"type": KIND, "minutes": 60, "reason": WHY}
    assert desk.olga.post("silences", body | {"reason": "x"}).json()["code"] == "reason_too_short"
    assert desk.olga.post("silences", body | {"minutes": 10**12}).json()["code"] == "silence_too_long"
    assert desk.olga.post("silences", body | {"type": "nothing"}).status_code == 404
    made = desk.olga.post("silences", body).json()

    assert [one["ref"] for one in desk.amir.get("silences").json()["items"]] == [made["ref"]]
    ended = desk.olga.post(f"silences/{made['ref']}/ending", {})
    assert (ended.status_code, ended.json()["ended_at"] is None) == (200, False)
    assert desk.olga.post(f"silences/{made['ref']}/ending", {}).json()["code"] == "silence_over"
    assert Alert.objects.count() == 0


def test_rule_is_changed_by_two(desk: Desk) -> None:
    rules = {one["type"]: one for one in desk.amir.get("alert-rules").json()["items"]}
    now = {name: value for name, value in rules[KIND].items() if name not in {"type", "title", "version"}}
    body = now | {"thresholds": {"transfers": 7}, "reason": WHY, "secondary_approver": "amir"}
    same = desk.olga.post(f"alert-rules/{KIND}/change", body | {"thresholds": now["thresholds"]}, key="rule-change-0")
    assert same.json()["code"] == "same_alert_rule"

    proposed = desk.olga.post(f"alert-rules/{KIND}/change", body, key="rule-change-1")
    assert proposed.status_code == 202, proposed.content
    desk.amir.decide(proposed.json()["request"], proposed.json()["digest"])
    assert AlertRule.objects.filter(type=KIND).latest("version").thresholds == {"transfers": 7}
