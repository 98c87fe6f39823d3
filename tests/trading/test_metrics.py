"""What `/metrics` counts: right whoever writes and folds at once, cheap, and each row of the table there."""

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from alerting import figures, requests
from alerting.models import FigureStep, FigureTotal, Heartbeat
from rfq import operations
from settlement.models import Settlement
from tests import factories
from trading.lib import clock

type Samples = dict[str, float]


def scraped(client: Client) -> Samples:
    text = client.get("/metrics").content.decode()
    return {
        sample.name + "".join(f"[{value}]" for _name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_tell_events_and_never_go_down(client: Client, db: None) -> None:
    market = factories.market()
    fill = factories.fill(market)
    waiting = factories.rfq(market)
    before = scraped(client)
    operations.cancel_rfq(rfq_ref=waiting.ref, actor=market.tara, now=clock.now())
    after = scraped(client)

    assert before["desk_rfqs_total[buy][open]"] == after["desk_rfqs_total[buy][open]"] == 2
    assert before["desk_rfqs_total[buy][quoted]"] == 1
    assert (before["desk_rfqs_total[buy][filled]"], after["desk_rfqs_total[buy][cancelled]"]) == (1, 1)
    assert before["desk_quotes_total[buy][traded]"] == 1
    assert before["desk_fills_total[buy][filled]"] == 1
    assert before["desk_rfq_volume_usdt_total[buy]"] == float(fill.base_amount)
    fell = [name for name in before if name.startswith("desk_") and "_total" in name and after[name] < before[name]]
    assert fell == []


def test_first_firm_quote_is_timed_once_for_the_rfq_and_once_for_each_lp(client: Client, db: None) -> None:
    market = factories.market()
    rfq = factories.rfq(market)
    for price in ("0.9201", "0.92"):
        factories.quote(rfq, market.leo, price)
    found = scraped(client)

    assert found["desk_time_to_first_quote_seconds_count"] == 1
    assert found["desk_time_to_first_quote_seconds_bucket[+Inf]"] == 1
    assert found["desk_rfqs_total[buy][quoted]"] == 1
    ref = market.meridian.ref
    assert found[f"desk_lp_answered_total[{ref}]"] == found[f"desk_lp_quote_seconds_count[{ref}]"] == 1
    assert found[f"desk_lp_asked_total[{ref}]"] == found[f"desk_lp_asked_total[{market.northwind.ref}]"] == 1


def test_settling_is_timed_and_counted_beside_the_trade(client: Client, db: None) -> None:
    fill = factories.fill(factories.market(), to_balance=True)
    row = Settlement.objects.get(pk=fill.settlement_id)
    later = row.created_at + timedelta(seconds=45)
    row.move("settled", at=later, settled_at=later)
    found = scraped(client)

    assert found["desk_time_to_settle_seconds_sum"] == pytest.approx(45)
    buckets = [found[f"desk_time_to_settle_seconds_bucket[{bound}]"] for bound in ("30", "60", "+Inf")]
    assert buckets == [0, 1, 1]
    assert (found["desk_fills_total[buy][filled]"], found["desk_fills_total[buy][settled]"]) == (1, 1)


def test_bounds_of_the_histograms_are_the_databases(db: None) -> None:
    with connection.cursor() as cursor:
        for name, bounds in (
            ("desk_time_to_first_quote_seconds", figures.QUOTE_BOUNDS),
            ("desk_lp_quote_seconds", figures.QUOTE_BOUNDS),
            ("desk_time_to_settle_seconds", figures.SETTLE_BOUNDS),
        ):
            cursor.execute("select desk_figure_bounds(%s)::text[]", [name])
            assert tuple(cursor.fetchone()[0]) == bounds
            for bound in bounds:
                cursor.execute("select desk_figure_bucket(%s, %s), desk_figure_bucket(%s, %s)", [name, bound] * 2)
                assert cursor.fetchone()[0] == bound


def test_books_are_off_by_nothing_and_by_what_somebody_changed_with_the_owners_rights(
    client: Client, db: None, owner: Any
) -> None:
    factories.fill(factories.market())
    sound = {name: value for name, value in scraped(client).items() if "imbalance" in name}
    owner.execute("update settlement_balance set posted = posted + 2500000 where account_id = (%s)", [_hot_account()])
    found = scraped(client)

    assert set(sound.values()) == {0}
    assert {"desk_ledger_imbalance_usdt[all]", "desk_ledger_imbalance_usdt[hot]"} <= set(sound)
    assert found["desk_ledger_imbalance_usdt[hot]"] == 2.5


def _hot_account() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select account_id from settlement_wallet order by id limit 1")
        return int(cursor.fetchone()[0])


def test_sums_are_exact_while_many_add_and_several_fold(db: None) -> None:
    writers, each = 4, 40

    def write() -> None:
        for _ in range(each):
            figures.add(name="test", numbers=Counter({("a",): 1, ("b",): 2}))
        connection.close()

    seen: list[int] = []
    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        figures.fold()
        seen.append(figures.Sums().of("test").get(("a",), figures.Sum(0, Decimal(0))).number)
    figures.fold()

    assert seen == sorted(seen)
    sums = figures.Sums().of("test")
    assert [sums[key,].number for key in "ab"] == [writers * each, 2 * writers * each]
    assert (FigureStep.objects.count(), FigureTotal.objects.count()) == (0, 2)


def test_what_was_rolled_back_is_not_counted(client: Client, db: None) -> None:
    market = factories.market()
    rfq = factories.rfq(market)
    with transaction.atomic():
        rfq.move("cancelled", at=clock.now())
        assert FigureStep.objects.filter(labels=["buy", "cancelled"]).count() == 1
        transaction.set_rollback(True)
    found = scraped(client)

    assert found["desk_rfqs_total[buy][open]"] == 1
    assert "desk_rfqs_total[buy][cancelled]" not in found


def test_requests_to_telegram_wait_in_memory_while_the_database_is_away(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests.hand_over()  # what earlier tests counted
    FigureStep.objects.all().delete()
    requests.count("sendMessage", "200")
    requests.count("sendMessage", "429")
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "PORT", 9)
        connection.close()
        requests.hand_over()
        connection.close()
    requests.hand_over()
    requests.hand_over()
    found = scraped(client)

    assert found["desk_telegram_requests_total[200][sendMessage]"] == 1
    assert found["desk_telegram_requests_total[429][sendMessage]"] == 1


def test_backups_and_drills_count_from_when_they_were_noted(client: Client, db: None) -> None:
    assert not [name for name in scraped(client) if name.startswith(("desk_backup", "desk_restore"))]

    call_command("upkeep", "backup", "--detail", "s3://backups/today sha256:00", verbosity=0)
    call_command("upkeep", "drill", verbosity=0)
    found = scraped(client)

    assert 0 <= found["desk_backup_age_seconds"] < 600
    assert 0 <= found["desk_restore_drill_age_seconds"] < 600


def test_a_web_without_a_database_says_so_and_what_it_is(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "PORT", 9)
        connection.close()
        found = scraped(client)
        connection.close()

    assert found["desk_database_up"] == 0
    assert {value for name, value in found.items() if "collect_success" in name} == {0}
    assert found["desk_build_info[unknown][0.1.0]"] == 1
    assert "desk_worker_heartbeat_age_seconds[worker]" not in found


def test_one_group_that_fails_leaves_the_others_standing(client: Client, db: None, owner: Any) -> None:
    Heartbeat.objects.create(name="worker", at=clock.now())
    owner.execute("alter table users_approvalrequest rename to hidden")
    try:
        found = scraped(client)
    finally:
        owner.execute("alter table hidden rename to users_approvalrequest")

    assert [name for name, value in found.items() if "collect_success" in name and not value] == [
        "desk_metrics_collect_success[approvals]"
    ]
    assert "desk_worker_heartbeat_age_seconds[worker]" in found


def test_a_page_costs_the_same_queries_for_few_and_many_rows(client: Client, db: None) -> None:
    market = factories.market()
    asked = []
    for rows in (1, 12):
        for _ in range(rows):
            factories.fill(market)
            factories.rfq(market)
        client.get("/metrics")
        with CaptureQueriesContext(connection) as captured:
            client.get("/metrics")
        asked.append(len(captured))

    assert asked[0] == asked[1] <= MOST_QUERIES


MOST_QUERIES = 100
