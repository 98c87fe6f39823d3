"""Alerts open once, fire when they last, are told in bounds however many look at once, and are handled by people."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from alerting import handling, rules
from alerting.engine import settle
from alerting.findings import Finding
from alerting.handling import NotAcknowledged, NotFiring, SilenceOver, SilenceTooLong
from alerting.models import Alert, AlertNotice, AlertTally, Silence
from tests import factories
from tests.concurrency.threads import at_once
from tests.factories import REASON
from trading.lib.errors import NotFound
from users.capabilities import MissingCapability
from users.models import AuditEvent, User
from users.policies import MeaninglessReason

NOON = factories.NOON
LOW = "wallet_low"  # has to last five minutes; three notices in a quarter of an hour
GAS = "wallet_gas_low"  # fires at once; the same bounds
FOR, WINDOW, ESCALATION = timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30)
SECOND = timedelta(seconds=1)


def wallets(*names: str, level: int = 1) -> list[Finding]:
    return [Finding(name, name, {"transfers": 3}, level=level) for name in names]


def alert(fingerprint: str = "one") -> Alert:
    return Alert.objects.filter(fingerprint=fingerprint).latest("pk")


def told(**but: Any) -> list[tuple[str, str, int]]:
    given = AlertNotice.objects.filter(is_held=False, **but).select_related("alert").order_by("pk")
    return [(notice.kind, notice.alert.fingerprint, notice.held_back) for notice in given]


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


def test_fires_once_it_has_lasted_and_is_over_when_nothing_is_found(db: None) -> None:
    settle(kind=LOW, findings=wallets("one"), now=NOON)
    settle(kind=LOW, findings=wallets("one"), now=NOON + FOR - SECOND)
    assert (alert().status, told()) == ("pending", [])

    settle(kind=LOW, findings=wallets("one"), now=NOON + FOR)
    assert (alert().status, alert().fired_at, told()) == ("firing", NOON + FOR, [("fired", "one", 0)])
    settle(kind=LOW, findings=wallets("one"), now=NOON + FOR * 2)
    settle(kind=LOW, findings=[], now=NOON + FOR * 3)

    assert (alert().status, told()) == ("resolved", [("fired", "one", 0), ("resolved", "one", 0)])
    names = AuditEvent.objects.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["alert.fired", "alert.told", "alert.resolved"]
    settle(kind=LOW, findings=wallets("one"), now=NOON + FOR * 4)
    assert (alert().status, Alert.objects.count()) == ("pending", 2)


def test_what_does_not_last_is_told_to_nobody_and_forgotten(db: None) -> None:
    from alerting.operations import forget_old  # noqa: PLC0415 - one use

    settle(kind=LOW, findings=wallets("one"), now=NOON)
    settle(kind=LOW, findings=[], now=NOON + SECOND)
    assert (alert().status, told(), AuditEvent.objects.count()) == ("resolved", [], 0)

    forget_old(now=NOON + timedelta(days=31))
    assert not Alert.objects.exists()


def test_older_findings_change_nothing_that_is_known_already(db: None) -> None:
    settle(kind=GAS, findings=wallets("one"), now=NOON)
    settle(kind=GAS, findings=[], now=NOON - SECOND)
    assert alert().status == "firing"


def test_held_back_beyond_the_notices_of_a_window_and_told_with_the_next(db: None) -> None:
    names = [f"w{number}" for number in range(10)]
    settle(kind=GAS, findings=wallets(*names), now=NOON)
    settle(kind=GAS, findings=wallets(*names), now=NOON + WINDOW - SECOND)

    assert told() == [("fired", "w0", 0), ("fired", "w1", 0), ("fired", "w2", 0)]
    tally = AlertTally.objects.get()
    assert (tally.told, tally.held_back, tally.held_back_since) == (3, 7, 7), "each is counted once, not at each look"

    settle(kind=GAS, findings=wallets(*names), now=NOON + WINDOW)
    assert told()[3:] == [("fired", "w3", 7), ("fired", "w4", 0), ("fired", "w5", 0)]
    tally.refresh_from_db()
    assert (tally.told, tally.held_back, tally.held_back_since) == (6, 7, 0)


def test_what_becomes_worse_is_told_again_within_the_same_bounds(db: None) -> None:
    for minute, level in enumerate((1, 2, 2, 3, 4, 5)):
        settle(kind=GAS, findings=wallets("one", level=level), now=NOON + timedelta(minutes=minute))
    assert told() == [("fired", "one", 0), ("worse", "one", 0), ("worse", "one", 0)]

    settle(kind=GAS, findings=wallets("one", level=5), now=NOON + WINDOW)
    assert told()[3:] == [("worse", "one", 2)]


def test_eight_who_evaluate_at_once_give_exactly_what_a_window_allows(db: None) -> None:
    names = [f"w{number}" for number in range(5)]
    for turn, at in enumerate((NOON, NOON + WINDOW - SECOND, NOON + WINDOW, NOON)):
        found = wallets(*names, level=turn + 1)
        at_once([partial(settle, kind=GAS, findings=found, now=at)] * 8)
        counts = {"given": len(told()), "alerts": Alert.objects.count()}
        assert counts == {"given": (3, 3, 6, 6)[turn], "alerts": 5}, turn
    tally = AlertTally.objects.get()
    assert tally.told == 6
    assert tally.held_back == AlertNotice.objects.filter(is_held=True).count()


def test_next_role_is_told_each_time_nobody_acknowledges(db: None, olga: User) -> None:
    looks = [NOON, NOON + ESCALATION - SECOND, NOON + ESCALATION, NOON + ESCALATION * 2, NOON + ESCALATION * 3]
    for at in looks:
        settle(kind=GAS, findings=wallets("one"), now=at)

    roles = list(AlertNotice.objects.order_by("pk").values_list("kind", "roles"))
    assert roles == [
        ("fired", ["ops"]),
        ("escalated", ["ops", "approver"]),
        ("escalated", ["ops", "approver", "admin"]),
    ]


def test_acknowledged_is_told_no_further_until_it_is_taken_back(db: None, olga: User) -> None:
    with pytest.raises(NotFound):
        handling.acknowledge(ref="ALT-NONE", actor=olga, now=NOON)
    settle(kind=LOW, findings=wallets("one"), now=NOON)
    with pytest.raises(NotFiring):
        handling.acknowledge(ref=alert().ref, actor=olga, now=NOON)
    settle(kind=LOW, findings=wallets("one"), now=NOON + FOR)
    with pytest.raises(NotAcknowledged):
        handling.unacknowledge(ref=alert().ref, actor=olga, now=NOON)

    for _again in range(2):
        handling.acknowledge(ref=alert().ref, actor=olga, now=NOON + FOR)
    settle(kind=LOW, findings=wallets("one", level=9), now=NOON + FOR + ESCALATION)
    assert (alert().status, alert().acknowledged_by, told()) == ("acknowledged", olga, [("fired", "one", 0)])

    handling.unacknowledge(ref=alert().ref, actor=olga, now=NOON + FOR + ESCALATION)
    settle(kind=LOW, findings=wallets("one", level=9), now=NOON + FOR + ESCALATION + SECOND)
    assert told()[1:] == [("worse", "one", 0)]
    assert AuditEvent.objects.filter(name="alert.acknowledged").count() == 1


def test_silenced_is_seen_and_told_to_nobody_until_the_silence_ends(db: None, olga: User) -> None:
    for fingerprint, quiet in (("", True), ("one", True), ("two", False)):
        made = handling.silence(
            kind=GAS, fingerprint=fingerprint, minutes=60, reason=REASON, actor=olga, now=NOON - SECOND
        )
        settle(kind=GAS, findings=wallets("one"), now=NOON)
        assert (alert().status, bool(told())) == ("firing", not quiet), fingerprint
        handling.end_silence(ref=made.ref, actor=olga, now=NOON)
        with pytest.raises(SilenceOver):
            handling.end_silence(ref=made.ref, actor=olga, now=NOON)
    settle(kind=GAS, findings=wallets("one"), now=NOON + SECOND)
    assert told() == [("fired", "one", 0)]
    assert Silence.objects.count() == AuditEvent.objects.filter(name="silence.ended").count() == 3


def test_silence_ends_by_itself(db: None, olga: User) -> None:
    handling.silence(kind=GAS, minutes=60, reason=REASON, actor=olga, now=NOON)
    for at, wanted in ((NOON + timedelta(minutes=59), []), (NOON + timedelta(minutes=60), [("fired", "one", 0)])):
        settle(kind=GAS, findings=wallets("one"), now=at)
        assert told() == wanted


@pytest.mark.parametrize(
    ("kind", "minutes", "reason", "refusal"),
    [
        (GAS, 0, REASON, SilenceTooLong),
        (GAS, 7 * 24 * 60 + 1, REASON, SilenceTooLong),
        ("transfer_unknown", 61, REASON, SilenceTooLong),
        (GAS, 5, "short", MeaninglessReason),
        ("nothing", 5, REASON, NotFound),
    ],
)
def test_silence_needs_a_type_a_reason_and_an_end_in_bounds(
    olga: User, kind: str, minutes: int, reason: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        handling.silence(kind=kind, minutes=minutes, reason=reason, actor=olga, now=NOON)
    assert not Silence.objects.exists()


@pytest.mark.parametrize("role", ["auditor", "trader"])
def test_others_do_not_handle_alerts(db: None, role: str) -> None:
    actor = factories.user(role)
    settle(kind=GAS, findings=wallets("one"), now=NOON)
    acts: Sequence[Any] = (
        partial(handling.acknowledge, ref=alert().ref),
        partial(handling.unacknowledge, ref=alert().ref),
        partial(handling.silence, kind=GAS, minutes=5, reason=REASON),
        partial(handling.end_silence, ref="SIL-NONE"),
    )
    for act in acts:
        with pytest.raises(MissingCapability):
            act(actor=actor, now=NOON)


def test_whose_alert_the_actor_does_not_serve_is_not_there(db: None) -> None:
    client, scoped = factories.counterparty(), factories.narrowed(factories.user("ops"))
    settle(kind=GAS, findings=[Finding("one", counterparty_id=client.pk)], now=NOON)
    with pytest.raises(NotFound):
        handling.acknowledge(ref=alert().ref, actor=scoped, now=NOON)


def test_rule_that_is_not_there_is_no_rule(db: None) -> None:
    with pytest.raises(NotFound):
        settle(kind="nothing", findings=[], now=NOON)
    assert rules.rule_of("nothing") is None


def test_rule_that_changed_holds_from_the_next_look(db: None) -> None:
    settle(kind=LOW, findings=wallets("one"), now=NOON)
    terms = rules.terms_of(rules.current()[LOW])
    factories.carry("alert_rule.change", LOW, **terms | {"for_seconds": 0, "severity": "critical", "notices": 1})
    settle(kind=LOW, findings=wallets("one", "two"), now=NOON + SECOND)
    assert (alert().severity, alert().rule.version, told()) == ("critical", 2, [("fired", "one", 0)])
