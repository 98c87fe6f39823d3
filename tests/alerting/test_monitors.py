"""What the monitors find in a real desk; one that fails stops no other; all together ask the same few questions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from alerting import engine, evaluating, findings, rules
from alerting.evaluating import evaluate
from alerting.findings import Monitor
from alerting.models import Alert, AlertNotice, Heartbeat, OutboundMessage
from alerting.monitors import MONITORS, evidence, market, programs
from rfq.models import ReferencePolicy
from settlement import operations as money
from settlement import tasks
from settlement.models import Transfer
from settlement.operations.reconciling import Outcome
from settlement.reconciliation.differences import Difference
from settlement.reconciliation.rounds import look_at_chains
from tests import factories
from tests.factories import Market
from tests.probes import sql
from trading.lib import clock
from users import audit, operations
from users.models import TelegramLink
from users.verification import Finding, Kind, Report

LATER = timedelta(minutes=30)


@pytest.fixture
def desk(db: None) -> Market:
    return factories.market()


def firing(now: datetime, *types: str) -> dict[str, list[dict[str, Any]]]:
    """What is open of these types after one look, whether it has lasted or not: its values."""
    evaluate(now=now, only=types)
    rows = Alert.objects.filter(type__in=types).exclude(status="resolved").order_by("pk")
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.type, []).append(row.values | {"subject": row.subject})
    return found


def test_market(desk: Market) -> None:
    types = ("quote_sla_missed", "spread_wide", "reference_stale")
    factories.reference(desk.pair)  # of now: the desk may have been built a while ago
    factories.rfq(desk)
    assert firing(clock.now(), *types) == {}
    found = firing(clock.now() + timedelta(seconds=21), *types)
    assert [(one["subject"], one["count"]) for one in found["quote_sla_missed"]] == [("USDT/EUR", 1)]

    ReferencePolicy.objects.update(band_bps=500)
    factories.quote(factories.rfq(desk), desk.leo, "0.94")
    (wide,) = firing(clock.now(), *types)["spread_wide"]
    assert float(wide["bps"]) > 45
    assert firing(clock.now() + LATER, "reference_stale")["reference_stale"][0]["subject"] == "USDT/EUR"


def test_settlements(desk: Market) -> None:
    types = ("settle_sla_missed", "settlement_queue_stuck", "settlement_queue_long", "transfer_unknown")
    settlement = factories.fill(desk).settlement
    assert firing(clock.now(), *types) == {}
    found = firing(clock.now() + LATER, *types)
    assert {name: one[0]["count"] for name, one in found.items()} == {
        "settle_sla_missed": 1,
        "settlement_queue_stuck": 1,
    }

    terms = rules.terms_of(rules.current()["settlement_queue_long"]) | {"thresholds": {"count": 1}}
    factories.carry("alert_rule.change", "settlement_queue_long", **terms)
    assert firing(clock.now(), "settlement_queue_long")["settlement_queue_long"][0]["count"] == 1
    money.pay(settlement_id=settlement.pk, signer=tasks.sign, now=clock.now())
    (unknown,) = firing(clock.now() + LATER, "transfer_unknown")["transfer_unknown"]
    assert unknown["subject"] == Transfer.objects.get().ref
    assert Alert.objects.get(type="transfer_unknown").counterparty == desk.client


def test_flagged_off(db: None) -> None:
    desk = factories.market(flag_on=False)
    types = ("flagged_off", "flagged_off_surge")
    for number in (1, 2):
        factories.fill(desk)
        assert firing(clock.now(), *types)["flagged_off"][0]["count"] == number
    terms = rules.terms_of(rules.current()["flagged_off_surge"])
    factories.carry("alert_rule.change", "flagged_off_surge", **terms | {"thresholds": {"count": 2, "percent": 300}})
    assert firing(clock.now(), *types)["flagged_off_surge"][0]["count"] == 2
    assert "flagged_off_surge" not in firing(clock.now() + timedelta(days=1), *types)


def test_wallets_books_and_chains(desk: Market) -> None:
    types = ("wallet_low", "wallet_gas_low", "wallet_stale", "ledger_imbalance", "chain_ledger_difference")
    name = desk.wallet.name
    assert list(firing(clock.now(), *types)) == ["wallet_stale"]
    money.record_reconciliation(outcome=look_at_chains(), now=clock.now())
    assert firing(clock.now(), *types) == {}

    desk.wallet.minimum = 10**9
    desk.wallet.save(update_fields=["minimum"])
    seen: dict[str, dict[str, object]] = {name: {"height": 1, "transfers": 19, "gap_minor": 0}}
    on_chain = Difference("wallet", name, "differs", wallet=name)
    in_books = Difference("cache", "client:A:EUR", "differs")
    for outcome in (
        Outcome(begun_at=clock.now(), differences=[on_chain], wallets=seen),
        Outcome(begun_at=clock.now(), differences=[in_books], counts=(1, 1, 1)),
    ):
        money.record_reconciliation(outcome=outcome, now=clock.now())
    found = firing(clock.now() + timedelta(minutes=11), *types)
    assert set(found) == set(types)
    assert found["wallet_gas_low"][0]["transfers"] == 19
    assert found["chain_ledger_difference"][0]["subject"] == name
    assert found["ledger_imbalance"][0]["what"] == "cache: client:A:EUR differs"


def test_approvals(desk: Market) -> None:
    types = ("approval_overdue", "quorum_unreachable")
    request = factories.propose("policy.change", "flag.on", expires_after=3600)
    assert firing(clock.now(), *types) == {}
    half = request.created_at + (request.expires_at - request.created_at) / 2
    (overdue,) = firing(half + timedelta(seconds=1), *types)["approval_overdue"]
    assert (overdue["subject"], overdue["act"]) == (request.ref, "policy.change")

    for founder, there in zip(factories.founders(), (1, 0), strict=True):
        operations.revoke_role(user=founder, role="approver", actor=None, reason="for a test", now=clock.now())  # type: ignore[arg-type]
        found = firing(clock.now(), *types).get("quorum_unreachable", [])
        assert [(one["role"], one["people"]) for one in found] == ([] if there else [("approver", 0)])


def test_evidence_and_sign_ins(desk: Market) -> None:
    types = ("audit_chain_broken", "sign_in_lockouts", "recovery_code_used")
    for name, times in (("sign_in.locked_out", 11), ("device.recovery_code_used", 1)):
        for _each in range(times):
            with transaction.atomic():
                audit.record(name, actor=None, subject=desk.tara, at=clock.now())
    fault = Finding(Kind.CHAIN, "seal 7", "has lost 1 of its events")
    operations.record_verification(report=Report(findings=[fault]), anchored=None, now=clock.now())
    found = firing(clock.now(), *types)
    assert found["audit_chain_broken"][0]["what"] == "chain: seal 7 has lost 1 of its events"
    assert found["sign_in_lockouts"][0]["count"] == 11
    assert found["recovery_code_used"][0]["subject"] == desk.tara.username

    operations.record_verification(report=Report(), anchored=None, now=clock.now())
    assert firing(clock.now() + timedelta(hours=2), *types) == {}


def test_programs(db: None, settings: Any) -> None:
    types = ("worker_silent", "bot_silent", "stalled_jobs")
    settings.TELEGRAM_BOT_TOKEN = "1:token"
    assert firing(clock.now(), *types) == {}, "nobody has started them yet"
    for name in ("worker", "bot"):
        Heartbeat.objects.create(name=name, at=clock.now())
    assert firing(clock.now(), *types) == {}
    sql("insert into procrastinate_jobs (task_name, queue_name, status, args) values ('x', 'default', 'doing', '{}')")
    assert set(firing(clock.now() + timedelta(seconds=61), *types)) == set(types)
    settings.TELEGRAM_BOT_TOKEN = ""
    assert "bot_silent" not in firing(clock.now() + timedelta(seconds=62), *types)


def test_messages(desk: Market) -> None:
    types = ("telegram_errors", "chat_unreachable")
    now = clock.now()
    rows = [OutboundMessage(key=f"k{each}", chat_id=each, method="send", created_at=now) for each in range(20)]
    OutboundMessage.objects.bulk_create(rows)
    bad = OutboundMessage.objects.filter(key="k0")
    for changes in ({"status": "sending"}, {"status": "sent", "sent_at": now}):
        OutboundMessage.objects.exclude(key="k0").update(**changes)
    bad.update(error="502")
    assert firing(now, *types) == {}, "one of twenty is what the rule allows"
    OutboundMessage.objects.create(
        key="worse", chat_id=99, method="send", created_at=now, status="waiting", error="502"
    )
    assert firing(now, *types)["telegram_errors"][0]["count"] == 2

    operations.link_telegram(user=desk.tara, telegram_id=77, now=now)
    TelegramLink.objects.update(unreachable_at=now)
    assert "chat_unreachable" not in firing(now, *types)
    factories.fill(desk)
    factories.rfq(desk)
    assert firing(clock.now(), *types)["chat_unreachable"][0]["trades"] == 2


def test_what_is_held_back_too_often_is_an_alert_itself(db: None) -> None:
    now = clock.now()
    engine.settle(kind="wallet_gas_low", findings=[findings.Finding(f"w{each}") for each in range(104)], now=now)
    assert AlertNotice.objects.filter(is_held=True).count() == 101
    (held,) = firing(now, "alerts_suppressed")["alerts_suppressed"]
    assert (held["type"], held["count"]) == ("wallet_gas_low", 101)


def _fails(_now: datetime, _rules: object) -> Any:
    sql("select 1 / 0")


def test_monitor_that_fails_stops_no_other_and_is_an_alert_itself(
    desk: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.rfq(desk)
    broken = Monitor("programs", _fails, programs.MONITOR.types)
    monkeypatch.setattr(evaluating, "MONITORS", (broken, market.MONITOR, evidence.MONITOR))
    now = clock.now() + timedelta(seconds=30)
    for at in (now, now + timedelta(minutes=5)):
        evaluate(now=at)
    failing = Alert.objects.get(type="collector_failing")
    assert (failing.status, failing.values) == ("firing", {"monitor": "programs", "error": "DataError"})
    assert Alert.objects.filter(type="quote_sla_missed", fired_at__isnull=False).exists()

    monkeypatch.setattr(evaluating, "MONITORS", MONITORS)
    evaluate(now=now + timedelta(minutes=6))
    failing.refresh_from_db()
    assert failing.status == "resolved"


def test_type_that_cannot_be_settled_stops_no_other(desk: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., None] = engine.settle

    def settle(*, kind: str, **more: Any) -> None:
        if kind == "wallet_stale":
            raise DatabaseError
        real(kind=kind, **more)

    monkeypatch.setattr(engine, "settle", settle)
    factories.rfq(desk)
    evaluate(now=clock.now() + timedelta(seconds=30))
    assert Alert.objects.get(type="collector_failing").values["monitor"] == "wallet_stale"
    assert Alert.objects.filter(type="quote_sla_missed").exists()


def test_looking_costs_the_same_for_few_and_for_many(desk: Market) -> None:
    counts = []
    for number in (1, 6):
        for _each in range(number):
            factories.rfq(desk)
            factories.fill(desk)
        evaluate(now=clock.now())
        with CaptureQueriesContext(connection) as asked:
            evaluate(now=clock.now())
        counts.append(len([one for one in asked if not one["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))]))
    assert counts[0] == counts[1]
