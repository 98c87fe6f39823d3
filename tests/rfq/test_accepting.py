"""Accepting a quote: all effects or none."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from rfq import operations
from rfq.errors import (
    AboveMaximum,
    AlreadyFilled,
    BelowMinimum,
    DailyLimit,
    Frozen,
    NoSuchQuote,
    QuoteExpired,
    QuoteGone,
    RfqOver,
)
from rfq.models import Fill, Quote, Rfq
from settlement.ledger import InsufficientBalance
from settlement.models import Balance, Journal, Settlement
from tests import factories, jobs
from tests.factories import Market
from trading.lib import clock
from trading.lib.operations import Busy
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def held(market: Market, asset: str = "EUR") -> Decimal:
    return Balance.objects.get(account__counterparty=market.client, account__asset=asset).held


def test_accept_makes_fill_settlement_holds_event_and_jobs(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo, "0.92")

    fill = factories.accept(quote, market.tara)

    assert fill.price == Decimal("0.9219")  # 0.92 * 1.002 = 0.92184, up to a tick
    assert fill.base_amount == Decimal("10847.163466")  # 10000 / 0.9219, down
    assert fill.quote_amount == 10_000
    assert Quote.objects.get(pk=quote.pk).status == "traded"
    assert Rfq.objects.get(pk=quote.rfq_id).status == "filled"
    assert fill.settlement.status == "approved"
    assert held(market) == 1_000_000
    event = AuditEvent.objects.get(name="fill.booked")
    assert (event.actor, event.subject_ref, event.after["settlement"]) == (market.tara, fill.ref, fill.settlement.ref)
    assert set(jobs.names()) >= {"settlement.pay", "alerting.dispatch_event"}


def test_siblings_are_done_away(market: Market) -> None:
    rfq = factories.rfq(market)
    best, other = factories.quote(rfq, market.leo, "0.92"), factories.quote(rfq, market.mina, "0.93")

    factories.accept(best, market.tara)

    assert Quote.objects.get(pk=other.pk).status == "done_away"


def test_same_key_replays_the_same_fill(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    first = factories.accept(quote, market.tara, key="tg:1")

    assert factories.accept(quote, market.tara, key="tg:1") == first
    assert Fill.objects.count() == 1


def test_other_key_is_told_that_it_was_traded(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    factories.accept(quote, market.tara, key="tg:1")

    with pytest.raises(AlreadyFilled):
        factories.accept(quote, market.tara, key="tg:2")
    assert Fill.objects.count() == 1


def test_expired_quote_is_refused(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo, ttl_seconds=10)
    late = quote.created_at - timedelta(seconds=60)
    expired = Quote.objects.create(
        **{
            field.name: getattr(quote, field.name)
            for field in Quote._meta.fields
            if field.name not in {"id", "ref", "valid_until", "idempotency_key", "lp"}
        },
        lp=market.northwind,
        idempotency_key="old",
        valid_until=late,
    )

    with pytest.raises(QuoteExpired):
        factories.accept(expired, market.tara)
    assert_nothing_traded(market)


def test_pulled_and_replaced_quotes_are_gone(market: Market) -> None:
    rfq = factories.rfq(market)
    replaced = factories.quote(rfq, market.leo, "0.93")
    factories.quote(rfq, market.leo, "0.92")
    pulled = factories.quote(rfq, market.mina, "0.91")
    operations.pull_quote(rfq_ref=rfq.ref, actor=market.mina, now=clock.now())

    for quote in (replaced, pulled):
        with pytest.raises(QuoteGone):
            factories.accept(quote, market.tara)
    assert_nothing_traded(market)


def test_cancelled_rfq_is_over(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    operations.cancel_rfq(rfq_ref=quote.rfq.ref, actor=market.tara, now=clock.now())

    with pytest.raises(RfqOver):
        factories.accept(quote, market.tara)
    assert_nothing_traded(market)


def test_another_clients_quote_does_not_exist(market: Market) -> None:
    stranger = factories.counterparty("client")
    factories.set_terms(stranger, market.pair)
    quote = factories.quote(factories.rfq(market), market.leo)

    with pytest.raises(NoSuchQuote):
        factories.accept(quote, factories.user("trader", of=stranger))
    assert_nothing_traded(market)


def test_lp_and_auditor_cannot_accept(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)

    for actor in (market.leo, factories.user("auditor")):
        with pytest.raises(MissingCapability):
            factories.accept(quote, actor)
    assert_nothing_traded(market)


def test_frozen_client_cannot_accept(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())

    with pytest.raises(Frozen):
        factories.accept(quote, market.tara)
    assert_nothing_traded(market)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"minimum": "20000"}, BelowMinimum),
        ({"maximum": "5000"}, AboveMaximum),
        ({"daily_notional": "10000"}, DailyLimit),
    ],
)
def test_limits_are_checked_when_the_size_is_known(
    market: Market, terms: dict[str, str], refusal: type[Exception]
) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    factories.set_terms(market.client, market.pair, **terms)

    with pytest.raises(refusal):
        factories.accept(quote, market.tara)
    assert_nothing_traded(market)


def test_uncovered_trade_is_refused(db: None) -> None:
    market = factories.market(eur="9999.99")
    quote = factories.quote(factories.rfq(market), market.leo)

    with pytest.raises(InsufficientBalance):
        factories.accept(quote, market.tara)
    assert_nothing_traded(market)


def test_credit_line_lets_a_client_trade_ahead_of_funds(db: None) -> None:
    market = factories.market(eur="1")
    factories.credit(market.client, "20000")

    fill = factories.fill(market)

    assert (fill.settlement.status, fill.settlement.reason) == ("awaiting_funds", "not_covered")
    assert "settlement.pay" not in jobs.names()


def test_flag_off_records_flagged_off_and_queues_no_money_job(db: None) -> None:
    market = factories.market(flag_on=False)
    jobs.clear()  # the deposits asked whether anything waits for them

    fill = factories.fill(market)

    assert (fill.settlement.status, fill.settlement.reason) == ("flagged_off", "auto_settlement_off")
    assert jobs.names(queue_name="money") == []


def test_accept_takes_at_most_eight_round_trips(market: Market, round_trips: object) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    factories.accept(factories.quote(factories.rfq(market), market.leo), market.tara)

    with round_trips() as counted:  # type: ignore[operator]
        factories.accept(quote, market.tara)

    assert 0 < counted.total <= 8, counted


def assert_nothing_traded(market: Market) -> None:
    assert not Fill.objects.exists()
    assert not Settlement.objects.exists()
    assert not Journal.objects.filter(kind__in=["hold", "accrual"]).exists()
    assert held(market) == 0
    assert not AuditEvent.objects.filter(name="fill.booked").exists()


def test_replay_survives_a_freeze_and_a_new_accept_does_not(market: Market) -> None:
    traded = factories.quote(factories.rfq(market), market.leo)
    waiting = factories.quote(factories.rfq(market), market.leo)
    fill = factories.accept(traded, market.tara, key="tg:1")
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())

    assert factories.accept(traded, market.tara, key="tg:1") == fill
    with pytest.raises(Frozen):
        factories.accept(waiting, market.tara)


def test_quote_of_a_frozen_lp_is_gone(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    market.meridian.move(Counterparty.Status.FROZEN, at=clock.now())

    with pytest.raises(QuoteGone):
        factories.accept(quote, market.tara)
    assert_nothing_traded(market)


def test_lock_held_too_long_is_a_refusal_that_says_so(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as holding, connection.cursor() as waiting:
            holding.execute("select from users_counterparty where id = %s for update", [market.client.pk])
            waiting.execute("set lock_timeout = '50ms'")
            with pytest.raises(Busy):
                factories.accept(quote, market.tara)
    finally:
        other.rollback()
        other.close()
        connection.close()
    assert_nothing_traded(market)
