"""Accepting over many real connections: one trade at most, deadlines by the database's clock, no deadlock."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from rfq import cards, operations
from rfq.errors import DailyLimit, QuoteExpired, QuoteGone, RfqOver
from rfq.models import Fill, Quote, Rfq
from settlement import operations as settlement_operations
from settlement import tasks
from settlement.ledger import InsufficientBalance
from settlement.models import Balance, Entry, Settlement, Transfer
from tests import factories
from tests.concurrency.threads import at_once, in_thread, locked, wait_for_a_waiter
from tests.factories import Market
from tests.probes import sql
from trading.lib import clock
from trading.lib.errors import DeskError
from users.models import User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def accepting(quote: Quote, trader: User, key: str) -> Callable[[], Fill]:
    return partial(operations.accept_quote, quote_ref=quote.ref, actor=trader, key=key, now=clock.now())


def codes(outcomes: list[object]) -> list[str]:
    """What became of each: a refusal's code, or the name of what it returned."""
    words = [outcome.code if isinstance(outcome, DeskError) else type(outcome).__name__ for outcome in outcomes]
    return sorted(words)


def test_fifty_accepts_of_one_rfq_make_one_fill(market: Market) -> None:
    rfq = factories.rfq(market)
    quotes = [factories.quote(rfq, market.leo, "0.92"), factories.quote(rfq, market.mina, "0.93")]

    outcomes = at_once([accepting(quotes[i % 2], market.tara, f"accept-{i}") for i in range(50)])

    assert codes(outcomes) == ["Fill"] + ["already_filled"] * 49
    fill = Fill.objects.get()
    assert Settlement.objects.get() == fill.settlement
    assert Quote.objects.filter(status="traded").get() == fill.quote
    assert Balance.objects.get(account__counterparty=market.client, account__asset="EUR").held == 1_000_000


def test_same_accept_from_ten_connections_is_the_same_fill(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)

    outcomes = at_once([accepting(quote, market.tara, "tg:1") for _ in range(10)])

    assert {outcome.pk for outcome in outcomes if isinstance(outcome, Fill)} == {Fill.objects.get().pk}
    assert codes(outcomes) == ["Fill"] * 10


# --- a quote that expires while its accept waits ---------------------------------------------


@pytest.mark.parametrize("held", ["counterparty", "rfq", "quote"])
def test_quote_that_expires_while_the_accept_waits_is_refused(market: Market, held: str) -> None:
    rfq = factories.rfq(market)
    quote = operations.submit_quote(
        rfq_ref=rfq.ref,
        price=Decimal("0.92"),
        actor=market.leo,
        key="short",
        now=clock.now() - timedelta(seconds=7),
        ttl_seconds=10,
    )

    with locked({"counterparty": market.client, "rfq": rfq, "quote": quote}[held]):
        waiting = in_thread(accepting(quote, market.tara, "late"))
        wait_for_a_waiter()
        assert clock.now() < quote.valid_until, "the accept must have begun in time"
        sql("select pg_sleep(%s)", (quote.valid_until - clock.now()).total_seconds() + 0.05)

    with pytest.raises(QuoteExpired) as refusal:
        waiting.result()
    assert refusal.value.code == "quote_expired"
    assert refusal.value.sentence.startswith("This quote has expired. Nothing was traded.")
    assert not Fill.objects.exists()
    assert not Settlement.objects.exists()
    assert not Entry.objects.filter(layer="H").exists()


def test_quote_that_lives_on_is_traded_after_the_wait(market: Market) -> None:
    rfq = factories.rfq(market)
    quote = factories.quote(rfq, market.leo)

    with locked(rfq):
        waiting = in_thread(accepting(quote, market.tara, "patient"))
        wait_for_a_waiter()

    assert waiting.result().quote == quote


# --- against each other ----------------------------------------------------------------------


def test_accept_against_pull_has_one_winner(market: Market) -> None:
    for number in range(6):
        rfq = factories.rfq(market)
        quote = factories.quote(rfq, market.leo)

        pull = partial(operations.pull_quote, rfq_ref=rfq.ref, actor=market.leo, now=clock.now())
        accepted, pulled = at_once([accepting(quote, market.tara, f"accept-{number}"), pull])

        quote.refresh_from_db()
        assert isinstance(accepted, Fill) != isinstance(pulled, Quote), (accepted, pulled)
        assert isinstance(accepted, Fill | QuoteGone)
        if isinstance(accepted, QuoteGone):
            assert accepted.sentence.startswith("This quote is no longer there. Nothing was traded.")
        assert quote.status == ("traded" if isinstance(accepted, Fill) else "pulled")


def test_accept_against_cancel_has_one_winner(market: Market) -> None:
    for number in range(6):
        rfq = factories.rfq(market)
        quote = factories.quote(rfq, market.leo)

        cancel = partial(operations.cancel_rfq, rfq_ref=rfq.ref, actor=market.tara, now=clock.now())
        accepted, cancelled = at_once([accepting(quote, market.tara, f"accept-{number}"), cancel])

        rfq.refresh_from_db()
        assert isinstance(accepted, Fill) != isinstance(cancelled, Rfq), (accepted, cancelled)
        assert isinstance(accepted, Fill | RfqOver)
        if isinstance(accepted, RfqOver):
            assert accepted.sentence == f"{rfq.ref} is over. Ask for a new price."
        assert rfq.status == ("filled" if isinstance(accepted, Fill) else "cancelled")


def test_accept_against_replacement_trades_what_was_accepted(market: Market) -> None:
    for number in range(6):
        rfq = factories.rfq(market)
        quote = factories.quote(rfq, market.leo, "0.92")

        replace = partial(factories.quote, rfq, market.leo, "0.95")
        accepted, _ = at_once([accepting(quote, market.tara, f"accept-{number}"), replace])

        assert isinstance(accepted, Fill | QuoteGone), accepted
        if isinstance(accepted, Fill):
            assert accepted.lp_price == Decimal("0.92")


def test_equal_best_prices_at_once_the_earlier_is_the_best_and_the_other_is_tied(market: Market) -> None:
    for _ in range(3):
        rfq = factories.rfq(market)
        offers = [partial(factories.quote, rfq, dealer, "0.92") for dealer in (market.leo, market.mina)]
        assert codes(at_once(offers)) == ["Quote", "Quote"]
        first, second = Quote.objects.filter(rfq=rfq).order_by("pk")
        assert cards.best_of(rfq, [second, first], clock.now()) == first

        outcomes = at_once(
            [accepting(first, market.tara, f"a-{rfq.ref}"), accepting(first, market.tara, f"b-{rfq.ref}")]
        )

        assert codes(outcomes) == ["Fill", "already_filled"]
        refusal = next(outcome for outcome in outcomes if isinstance(outcome, DeskError))
        assert refusal.sentence == f"{rfq.ref} was already traded. Nothing was traded twice."
        assert list(Quote.objects.filter(rfq=rfq).order_by("pk").values_list("status", "outcome")) == [
            ("traded", "traded"),
            ("done_away", "tied"),
        ]


# --- limits and balances under pressure ------------------------------------------------------


def test_two_rfqs_that_together_break_the_daily_limit_trade_once(market: Market) -> None:
    factories.set_terms(market.client, market.pair, maximum="20000", daily_notional="20000")
    quotes = [factories.quote(factories.rfq(market), market.leo) for _ in range(2)]

    outcomes = at_once([accepting(quote, market.tara, quote.ref) for quote in quotes])

    assert codes(outcomes) == ["Fill", "daily_limit"]
    refusal = next(outcome for outcome in outcomes if not isinstance(outcome, Fill))
    assert isinstance(refusal, DailyLimit)
    assert refusal.sentence.startswith("This would exceed your limit of 20000")


def test_one_balance_covers_only_so_many_accepts(db: None) -> None:
    market = factories.market(eur="35000")
    quotes = [factories.quote(factories.rfq(market), market.leo) for _ in range(8)]

    outcomes = at_once([accepting(quote, market.tara, quote.ref) for quote in quotes])

    assert codes(outcomes) == ["Fill"] * 3 + ["insufficient_balance"] * 5
    assert any(isinstance(outcome, InsufficientBalance) for outcome in outcomes)
    balance = Balance.objects.get(account__counterparty=market.client, account__asset="EUR")
    assert (balance.posted, balance.held) == (Decimal(3_500_000), Decimal(3_000_000))


def test_settlement_claimed_by_eight_is_signed_once(market: Market) -> None:
    settlement = factories.fill(market).settlement
    pay = partial(settlement_operations.pay, settlement_id=settlement.pk, signer=tasks.sign, now=clock.now())

    outcomes = at_once([pay] * 8)

    assert [getattr(outcome, "status", outcome) for outcome in outcomes] == ["paying"] * 8
    transfer = Transfer.objects.get()
    market.wallet.refresh_from_db()
    assert (transfer.nonce, market.wallet.next_nonce, transfer.attempts.count()) == (0, 1, 1)


def test_eight_settlements_at_once_draw_nonces_without_gaps(market: Market) -> None:
    settlements = [factories.fill(market).settlement for _ in range(8)]
    pays = [
        partial(settlement_operations.pay, settlement_id=one.pk, signer=tasks.sign, now=clock.now())
        for one in settlements
    ]

    outcomes = at_once(pays)

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    assert sorted(Transfer.objects.values_list("nonce", flat=True)) == list(range(8))


def test_same_quote_from_many_connections_is_one_quote(market: Market) -> None:
    rfq = factories.rfq(market)
    submit = partial(
        operations.submit_quote,
        rfq_ref=rfq.ref,
        price=Decimal("0.92"),
        actor=market.leo,
        key="tg:7",
        now=clock.now(),
    )

    outcomes = at_once([submit] * 6)

    assert {o.pk for o in outcomes if isinstance(o, Quote)} == {Quote.objects.get().pk}
    assert codes(outcomes) == ["Quote"] * 6


# --- everything together ---------------------------------------------------------------------


def desk_day(market: Market, number: int) -> None:
    """What goes on at a desk, all at the same time; refusals are part of it, errors are not."""
    ops = factories.user("ops")
    for turn in range(3):
        dealer = (market.leo, market.mina)[(number + turn) % 2]
        side = ("buy", "sell")[turn % 2]
        rfq = factories.rfq(market, side=side, amount="1000", to_balance=number % 3 == 0)
        quote = factories.quote(rfq, dealer, f"0.92{number % 10}")
        acts: list[Callable[[], object]] = [
            partial(factories.accept, quote, market.tara),
            partial(operations.pull_quote, rfq_ref=rfq.ref, actor=dealer, now=clock.now()),
            partial(operations.cancel_rfq, rfq_ref=rfq.ref, actor=market.tara, now=clock.now()),
            lambda: operations.expire_due(now=clock.now()),
            pay_some,
            lambda: tasks.resume_blocked(timestamp=0),
            lambda: settlement_operations.turn_flag_off(actor=ops, reason="for a test", now=clock.now()),
            factories.turn_flag_on,
        ]
        for act in acts[number % 4 :] + acts[: number % 4]:
            try:
                act()
            except DeskError:
                continue


def pay_some() -> None:
    for settlement in Settlement.objects.filter(status="approved").order_by("?")[:3]:
        tasks.pay(settlement_id=settlement.pk)
    for transfer in Transfer.objects.filter(status="signed").order_by("?")[:3]:
        tasks.broadcast(transfer_id=transfer.pk)
        tasks.track(wallet_id=transfer.wallet_id)


def test_sixteen_connections_of_mixed_work_never_deadlock(market: Market) -> None:
    outcomes = at_once([partial(desk_day, market, number) for number in range(16)])

    assert [outcome for outcome in outcomes if outcome is not None] == []
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from (select asset_id, layer from settlement_entry"
            " group by asset_id, layer having sum(amount) <> 0) as unbalanced"
        )
        assert cursor.fetchone() == (0,)
    assert Fill.objects.count() == Rfq.objects.filter(status="filled").count()
