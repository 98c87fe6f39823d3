"""The acts on the market: proposed by ops, decided by an approver, done; and what each refuses."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from rfq import operations
from rfq.models import LpTerms, Pair, TradingHours, TradingTerms
from rfq.own_acts import ACTS
from settlement.models import Asset, LedgerAccount
from tests import factories
from tests.factories import REASON, Market
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import DeskError, NotFound
from users import acts
from users import operations as user_operations
from users.errors import MayNotDecide, MayNotPropose, Superseded
from users.models import ApprovalRequest, AuditEvent, User
from users.operations import Proposal

TWO = "only by a request that two people carried"
TERMS: dict[str, Any] = {
    "pair": "USDT/EUR",
    "markup_bps": "12.5",
    "minimum": "250",
    "maximum": "2000",
    "daily_notional": "9000",
}
OFFICE: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "windows": [{"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00"}],
}
CAP: dict[str, Any] = {
    "unsettled_cap": "20000",
    "pause_window": 20,
    "minimum_response_percent": 50,
    "maximum_reject_percent": None,
}
PAIR: dict[str, Any] = {"decimals": 3, "price_scale": 5, "rfq_ttl_seconds": 120, "quote_ttl_seconds": 20}


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def stopped(market: Market) -> None:
    """Everything that can be stopped is."""
    now, actor = clock.now(), factories.founders()[0]
    operations.pause_desk(actor=actor, reason=REASON, now=now)
    operations.pause_pair(code="USDT/EUR", actor=actor, reason=REASON, now=now)
    operations.pause_lp(lp_ref=market.meridian.ref, actor=actor, reason=REASON, now=now)
    operations.freeze_client(client_ref=market.client.ref, actor=actor, reason=REASON, now=now)


def cases(market: Market) -> dict[str, tuple[str, dict[str, Any], str]]:
    """Each act with a target, sound details, and the event it is recorded as."""
    client, lp, pair = market.client.ref, market.meridian.ref, market.pair.code
    return {
        "terms.change": (client, TERMS, "terms.changed"),
        "hours.change": (client, OFFICE, "hours.changed"),
        "client.unfreeze": (client, {}, "client.unfrozen"),
        "lp_terms.change": (lp, CAP, "lp_terms.changed"),
        "lp.resume": (lp, {}, "lp.resumed"),
        "pair.open": ("USDT/KWD", PAIR, "pair.opened"),
        "pair.change": (pair, {"quote_ttl_seconds": 20}, "pair.changed"),
        "pair.resume": (pair, {}, "pair.resumed"),
        "desk.resume": ("market", {}, "desk.resumed"),
    }


NAMES = [act.name for act in ACTS if act.name != "fill.reverse"]  # a trade's: tests/settlement/test_reversing.py


def propose(act: str, ref: str, by: User, nominee: User | None = None, **payload: object) -> ApprovalRequest:
    proposal = Proposal(act, ref, REASON, key=factories.unique("market"), payload=payload, nominee=nominee)
    return user_operations.propose(proposal=proposal, actor=by, now=clock.now())


@pytest.mark.parametrize("name", NAMES)
def test_ops_propose_and_an_approver_does_it(market: Market, name: str) -> None:
    olga, amir = factories.user("ops"), factories.user("approver")
    stopped(market)
    ref, payload, event = cases(market)[name]

    request = propose(name, ref, olga, amir, **payload)
    lines = acts.act_of(name).describe(ref, payload)
    assert lines
    assert any(line.now != line.after for line in lines)
    done = factories.decide(request, by=amir)

    assert (done.status, bool(done.outcome)) == ("executed", True)
    recorded = AuditEvent.objects.filter(name=event).latest("pk")
    assert (recorded.actor, recorded.secondary_approver, recorded.reason) == (olga, amir, REASON)
    assert recorded.after["request"] == request.ref


@pytest.mark.parametrize("name", NAMES)
def test_nobody_else_proposes_or_decides(market: Market, name: str) -> None:
    olga = factories.user("ops")
    stopped(market)
    ref, payload, _event = cases(market)[name]

    for role in ("approver", "auditor", "trader", "lp"):
        with pytest.raises(MayNotPropose):
            propose(name, ref, factories.user(role), **payload)
    request = propose(name, ref, olga, **payload)
    for role in ("ops", "admin", "auditor", "trader"):
        with pytest.raises((MayNotDecide, NotFound)):
            factories.decide(request, by=factories.user(role))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_done_already_is_not_done_again(market: Market, name: str) -> None:
    stopped(market)
    ref, payload, _event = cases(market)[name]
    factories.carry(name, ref, **payload)

    with pytest.raises(DeskError) as again:
        factories.propose(name, ref, **payload)
    assert again.value.code in {"nothing_changes", "not_paused", "not_frozen", "pair_open"}


def test_terms_are_what_was_signed(market: Market) -> None:
    factories.carry("terms.change", market.client.ref, **TERMS)

    row = TradingTerms.objects.get(counterparty=market.client)
    signed = [Decimal(TERMS[name]) for name in ("markup_bps", "minimum", "maximum", "daily_notional")]
    assert [row.markup_bps, row.minimum, row.maximum, row.daily_notional] == signed
    event = AuditEvent.objects.filter(name="terms.changed").latest("pk")
    assert event.before == {key: factories.USUAL_TERMS[key] for key in factories.USUAL_TERMS}


def test_a_target_that_changed_supersedes(market: Market) -> None:
    request = factories.propose("pair.change", "USDT/EUR", rfq_ttl_seconds=60)
    operations.pause_pair(code="USDT/EUR", actor=factories.founders()[0], reason=REASON, now=clock.now())

    with pytest.raises(Superseded):
        factories.decide(request)
    market.pair.refresh_from_db()
    assert market.pair.rfq_ttl_seconds == 300


def test_hours_can_be_taken_away_again(market: Market) -> None:
    factories.carry("hours.change", market.client.ref, **OFFICE)
    factories.carry("hours.change", market.client.ref, always=True)

    assert not TradingHours.objects.exists()


def test_a_pair_comes_with_its_currency_and_everybodys_accounts(market: Market) -> None:
    factories.carry("pair.open", "USDT/KWD", **PAIR)

    pair = Pair.objects.get(code="USDT/KWD")
    assert (pair.price_scale, pair.rfq_ttl_seconds, pair.quote_ttl_seconds, pair.is_enabled) == (5, 120, 20, True)
    assert Asset.objects.get(code="KWD").scale == 3
    parties = LedgerAccount.objects.filter(asset="KWD", counterparty__isnull=False)
    assert set(parties.values_list("counterparty", flat=True)) == {
        market.client.pk,
        market.meridian.pk,
        market.northwind.pk,
    }
    assert LedgerAccount.objects.filter(code="bank:KWD").exists()


def test_the_step_of_a_price_stays_once_it_was_traded(market: Market) -> None:
    factories.carry("pair.change", "USDT/EUR", price_scale=3)
    market.pair.refresh_from_db()
    factories.fill(market)

    with pytest.raises(DeskError) as refusal:
        factories.propose("pair.change", "USDT/EUR", price_scale=4)
    assert refusal.value.code == "pair_traded"


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    ("terms.change", "client", TERMS | {"pair": "USDT/XXX"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"pair": 1}, "bad_payload"),
    ("terms.change", "client", TERMS | {"markup_bps": "1000.01"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"markup_bps": "1.005"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"markup_bps": "-1"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"minimum": "0"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"minimum": "NaN"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"minimum": 250}, "bad_payload"),
    ("terms.change", "client", TERMS | {"minimum": "1e3"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"maximum": "249"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"daily_notional": "249"}, "bad_payload"),
    ("terms.change", "client", TERMS | {"more": "1"}, "bad_payload"),
    ("terms.change", "client", {"pair": "USDT/EUR"}, "bad_payload"),
    ("terms.change", "lp", TERMS, "not_found"),
    ("hours.change", "client", OFFICE | {"time_zone": "Berlin"}, "unknown_time_zone"),
    ("hours.change", "client", OFFICE | {"windows": []}, "bad_windows"),
    ("hours.change", "client", OFFICE | {"always": True}, "bad_payload"),
    ("hours.change", "client", {"always": False}, "bad_payload"),
    ("hours.change", "nobody", OFFICE, "not_found"),
    ("lp_terms.change", "lp", CAP | {"unsettled_cap": "0"}, "bad_payload"),
    ("lp_terms.change", "lp", CAP | {"unsettled_cap": 5}, "bad_payload"),
    ("lp_terms.change", "lp", CAP | {"pause_window": None}, "bad_payload"),
    ("lp_terms.change", "lp", CAP | {"pause_window": 4}, "bad_payload"),
    ("lp_terms.change", "lp", CAP | {"minimum_response_percent": 101}, "bad_payload"),
    ("lp_terms.change", "lp", CAP | {"minimum_response_percent": None}, "bad_payload"),
    ("lp_terms.change", "lp", {"unsettled_cap": "1"}, "bad_payload"),
    ("lp_terms.change", "client", CAP, "not_found"),
    ("pair.open", "USDT/eur", PAIR, "not_found"),
    ("pair.open", "EUR/USDT", PAIR, "not_found"),
    ("pair.open", "USDT/KWD", PAIR | {"decimals": 7}, "bad_payload"),
    ("pair.open", "USDT/KWD", PAIR | {"price_scale": 11}, "bad_payload"),
    ("pair.open", "USDT/KWD", PAIR | {"rfq_ttl_seconds": 29}, "bad_payload"),
    ("pair.open", "USDT/KWD", PAIR | {"quote_ttl_seconds": 61}, "bad_payload"),
    ("pair.open", "USDT/KWD", {}, "bad_payload"),
    ("pair.change", "USDT/EUR", {}, "bad_payload"),
    ("pair.change", "USDT/EUR", {"is_enabled": True}, "bad_payload"),
    ("pair.change", "USDT/EUR", {"rfq_ttl_seconds": 5000}, "bad_payload"),
    ("pair.change", "USDT/XXX", {"rfq_ttl_seconds": 60}, "not_found"),
    ("pair.resume", "USDT/EUR", {}, "not_paused"),
    ("pair.resume", "USDT/EUR", {"more": 1}, "bad_payload"),
    ("desk.resume", "market", {}, "not_paused"),
    ("desk.resume", "other", {}, "not_found"),
    ("lp.resume", "lp", {}, "not_paused"),
    ("lp.resume", "client", {}, "not_found"),
    ("client.unfreeze", "client", {}, "not_frozen"),
    ("client.unfreeze", "lp", {}, "not_found"),
]


def test_what_makes_no_sense_is_not_proposed(market: Market) -> None:
    refs = {"client": market.client.ref, "lp": market.meridian.ref, "nobody": "CPY-NOBODY1"}
    for act, about, payload, code in BAD:
        with pytest.raises(DeskError) as refusal:
            factories.propose(act, refs.get(about, about), **payload)
        assert refusal.value.code == code, (act, payload)


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def test_terms_change_only_by_their_request(market: Market) -> None:
    stranger = factories.counterparty("client")
    for statement in (
        "update rfq_tradingterms set maximum = maximum + 1",
        "update rfq_tradingterms set markup_bps = 0",
    ):
        with refused(f"MK01 .*{TWO}"):
            sql(statement)
    with refused(f"MK01 .*{TWO}"):
        TradingTerms.objects.create(
            counterparty=stranger, pair=market.pair, markup_bps=1, minimum=1, maximum=1, daily_notional=1
        )
    for statement in ("delete from rfq_tradingterms", "delete from rfq_lpterms", "delete from rfq_marketstate"):
        stopped_once(market)
        with refused("never|append|only"):
            sql(statement)


def stopped_once(market: Market) -> None:
    if not LpTerms.objects.exists():
        stopped(market)


def test_a_request_carries_its_own_terms_and_no_others(market: Market) -> None:
    _first, second = factories.founders()
    request = factories.propose("terms.change", market.client.ref, **TERMS)

    with refused("MK01"):
        execute_by_hand(request, second)
        sql(
            "update rfq_tradingterms set markup_bps = 12.5, minimum = 250, maximum = 2001, daily_notional = 9000"
            " where counterparty_id = %s",
            market.client.pk,
        )
    with refused("DC45"):
        execute_by_hand(request, second)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_counts_as_executed_without_its_effect(market: Market, name: str) -> None:
    stopped(market)
    ref, payload, _event = cases(market)[name]
    request = factories.propose(name, ref, **payload)

    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])


def test_hours_change_only_by_their_request(market: Market) -> None:
    factories.carry("hours.change", market.client.ref, **OFFICE)
    for statement in (
        "update rfq_tradinghours set time_zone = 'UTC'",
        "update rfq_tradinghours set windows = '[]'",
        "delete from rfq_tradinghours",
    ):
        with refused(f"MK02 .*{TWO}"):
            sql(statement)
    with refused(f"MK02 .*{TWO}"):
        TradingHours.objects.create(counterparty=market.meridian, time_zone="UTC", windows=[])


def test_an_lps_terms_change_only_by_their_request(market: Market) -> None:
    factories.carry("lp_terms.change", market.meridian.ref, **CAP)
    for statement in (
        "update rfq_lpterms set unsettled_cap = null",
        "update rfq_lpterms set pause_window = null, minimum_response_percent = null",
    ):
        with refused(f"MK03 .*{TWO}"):
            sql(statement)
    with refused(f"MK03 .*{TWO}"):
        LpTerms.objects.create(lp=market.northwind, unsettled_cap=5)
    with refused("MK03"):
        sql("update rfq_lpterms set lp_id = %s", market.northwind.pk)


def test_pairs_open_change_and_resume_only_by_their_request(market: Market) -> None:
    Asset.objects.create(code="AED", kind="fiat", scale=2)
    with refused(f"MK04 .*{TWO}"):
        sql(
            "insert into rfq_pair (code, quote_asset_id, price_scale, rfq_ttl_seconds, quote_ttl_seconds, is_enabled)"
            " values ('USDT/AED', 'AED', 4, 300, 30, true)"
        )
    for change in ("price_scale = 3", "rfq_ttl_seconds = 60", "quote_ttl_seconds = 60"):
        with refused(f"MK04 .*{TWO}"):
            sql(f"update rfq_pair set {change}")  # noqa: S608 - the test's own words
    for change in ("code = 'USDT/USD'", "quote_asset_id = 'AED'"):
        with refused("MK05"):
            sql(f"update rfq_pair set {change}")  # noqa: S608 - the test's own words
    sql("update rfq_pair set is_enabled = false")  # stopping is one person's
    with refused(f"MK06 .*{TWO}"):
        sql("update rfq_pair set is_enabled = true")


def test_a_price_keeps_its_step_in_the_database_too(market: Market) -> None:
    request = factories.propose("pair.change", "USDT/EUR", price_scale=3)
    factories.fill(market)

    assert factories.decide(request).status == "failed"
    again = factories.propose("pair.change", "USDT/EUR", rfq_ttl_seconds=60)
    with refused("MK04"):
        execute_by_hand(again, factories.founders()[1])
        sql("update rfq_pair set price_scale = 3, rfq_ttl_seconds = 60")


def test_what_is_paused_goes_on_only_by_its_request(market: Market) -> None:
    stopped(market)
    with refused(f"MK07 .*{TWO}"):
        sql("update rfq_lpterms set paused_at = null, paused_by_id = null, pause_reason = ''")
    with refused("MK07"):  # nor does it become the LP's own
        sql("update rfq_lpterms set paused_by_id = %s", market.leo.pk)
    with refused(f"MK08 .*{TWO}"):
        sql("update rfq_marketstate set paused_at = null, paused_by_id = null, reason = ''")
    with refused("MK08"):
        sql("update rfq_marketstate set reason = 'another one, to blur the trail'")
    with refused(f"MK09 .*{TWO}"):
        sql("update users_counterparty set status = 'active' where id = %s", market.client.pk)


def test_before_anybody_is_let_in_the_first_pairs_are_there(db: None) -> None:
    euro = Asset.objects.create(code="EUR", kind="fiat", scale=2)
    with transaction.atomic():
        assert not User.objects.exists()
    pair = operations.open_pair(quote_asset=euro, price_scale=4, now=clock.now())

    assert pair.ref == "USDT/EUR"
