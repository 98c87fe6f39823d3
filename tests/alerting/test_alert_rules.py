"""Rules come with the schema and are changed by two; what holds for alerts holds whoever asks the database."""

from datetime import timedelta
from typing import Any

import pytest

from alerting import handling, rules
from alerting.defaults import DEFAULTS
from alerting.engine import settle
from alerting.findings import Finding
from alerting.models import Alert, AlertNotice, AlertRule, AlertTally, Silence
from alerting.own_acts.rules import SameRule
from tests import factories
from tests.factories import REASON
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import NotFound
from users.models import AuditEvent
from users.own_acts.base import BadPayload

KIND = "wallet_gas_low"
NEVER, DENIED = "never changed or removed", "permission denied"


def terms(**changes: Any) -> dict[str, Any]:
    return rules.terms_of(rules.current()[KIND]) | changes


@pytest.fixture
def alert(db: None) -> Alert:
    settle(kind=KIND, findings=[Finding("one")], now=clock.now())
    return Alert.objects.get()


def test_the_schema_brings_the_defaults_as_they_stand_in_their_file(db: None) -> None:
    for name, rule in rules.current().items():
        first = DEFAULTS[name]
        assert rules.terms_of(rule) == {
            "severity": first.severity,
            "thresholds": dict(first.thresholds),
            "for_seconds": first.for_seconds,
            "notices": first.notices,
            "window_seconds": first.window_seconds,
            "owners": list(first.owners),
            "escalate_seconds": first.escalate_seconds,
        }, name


def test_two_people_change_a_rule_and_its_history_stays(db: None) -> None:
    factories.carry("alert_rule.change", KIND, **terms(thresholds={"transfers": 5}, owners=["ops", "admin"]))

    rule = rules.current()[KIND]
    assert (rule.version, rule.thresholds, rule.owners) == (2, {"transfers": 5}, ["ops", "admin"])
    assert AlertRule.objects.filter(type=KIND).count() == 2
    event = AuditEvent.objects.get(name="alert_rule.changed")
    assert (event.before["thresholds"], event.after["thresholds"]) == ({"transfers": 20}, {"transfers": 5})
    assert event.secondary_approver == factories.founders()[1]


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "fatal"},
        {"notices": 0},
        {"notices": True},
        {"window_seconds": 59},
        {"for_seconds": -1},
        {"escalate_seconds": 10},
        {"owners": []},
        {"owners": ["trader"]},
        {"thresholds": {}},
        {"thresholds": {"transfers": "20"}},
        {"thresholds": {"transfers": 20, "count": 1}},
        {"more": 1},
    ],
)
def test_terms_that_make_no_sense_are_not_proposed(db: None, change: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        factories.propose("alert_rule.change", KIND, **terms(**change))


def test_what_holds_already_and_what_is_no_rule_is_not_proposed(db: None) -> None:
    with pytest.raises(SameRule):
        factories.propose("alert_rule.change", KIND, **terms())
    with pytest.raises(NotFound):
        factories.propose("alert_rule.change", "nothing", **terms(notices=9))


def test_nobody_changes_a_rule_alone_nor_to_what_was_not_signed(db: None) -> None:
    first = AlertRule.objects.get(type=KIND)
    made: dict[str, Any] = {"type": KIND, "version": 2, "made_at": clock.now()}
    with refused("AL01"):
        AlertRule.objects.create(**made, **terms(notices=9))
    request = factories.propose("alert_rule.change", KIND, **terms(notices=9))
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    for wrong in ({"notices": 8}, {"version": 3}, {"thresholds": {"transfers": 1}}, {"type": "wallet_low"}):
        with refused("AL01"):
            execute_by_hand(request, factories.founders()[1])
            AlertRule.objects.create(**(made | terms(notices=9) | wrong))
    for statement in ("update alerting_alertrule set notices = 9", "delete from alerting_alertrule"):
        with refused(DENIED):
            sql(statement)
    assert list(AlertRule.objects.filter(type=KIND)) == [first]


def test_database_counts_notices_itself(alert: Alert) -> None:
    now = clock.now()
    given = {"alert": alert, "type": KIND, "kind": "worse", "at": now}
    for _left in range(2):
        AlertNotice.objects.create(**given)
    with refused("AL02"):
        AlertNotice.objects.create(**given)
    AlertNotice.objects.create(**given | {"is_held": True})
    AlertNotice.objects.create(**given | {"kind": "resolved"})
    AlertNotice.objects.create(**given | {"at": now + timedelta(seconds=901)})
    for statement in ("update alerting_alertnotice set is_held = true", "delete from alerting_alertnotice"):
        with refused(DENIED):
            sql(statement)


def test_one_alert_of_a_kind_is_open_and_what_fired_stays(alert: Alert) -> None:
    with refused("alert_one_open"):
        Alert.objects.create(
            type=KIND, fingerprint="one", severity="info", rule=alert.rule, opened_at=clock.now(), seen_at=clock.now()
        )
    for statement, code in (
        ("delete from alerting_alert", "AL03"),
        ("update alerting_alert set fingerprint = 'two'", "may only change"),
        ("update alerting_alert set status = 'pending'", "has no step firing>pending"),
        ("update alerting_alert set status = 'acknowledged'", "alert_acknowledged_by_somebody"),
        ("update alerting_alert set status = 'resolved'", "alert_resolved_when"),
        ("update alerting_alert set fired_at = null", "alert_fired_when"),
    ):
        with refused(code):
            sql(statement)
    assert AlertTally.objects.get().told == 1


def test_database_bounds_silences_and_keeps_them(db: None) -> None:
    olga, now = factories.user("ops"), clock.now()
    whole = {"reason": REASON, "made_by": olga, "starts_at": now}
    with refused("AL04"):
        Silence.objects.create(**whole, type="transfer_unknown", ends_at=now + timedelta(minutes=61))
    with refused("AL04"):
        Silence.objects.create(**whole, type=KIND, ends_at=now + timedelta(days=8))
    with refused("AL04"):
        Silence.objects.create(**whole, type="nothing", ends_at=now + timedelta(minutes=5))
    with refused("silence_ends"):
        Silence.objects.create(**whole, type=KIND, ends_at=now)
    with refused("silence_reason_meaningful"):
        Silence.objects.create(**whole | {"reason": "x"}, type=KIND, ends_at=now + timedelta(minutes=5))
    handling.silence(kind=KIND, minutes=5, reason=REASON, actor=olga, now=now)
    for statement, code in (
        ("update alerting_silence set ends_at = ends_at + interval '1 day'", "may only change"),
        ("update alerting_silence set ended_at = now()", "silence_ended_by_somebody"),
        ("delete from alerting_silence", NEVER),
    ):
        with refused(code):
            sql(statement)
